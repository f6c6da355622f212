"""A network that learns the ring of lesson 09 with its classes, some of which are dropped in training."""

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from ldm_tutorial.classroom.lessons.guidance_plane import NULL, Classes
from ldm_tutorial.conditioning import drop_conditions
from ldm_tutorial.diffusion import NoiseSchedule, simple_loss
from ldm_tutorial.nn import timestep_embedding


class ClassDenoiser(nn.Module):
    """Says which noise is in points, told the timestep and a class: z_t (B, 2), t (B,), condition (B, 1)."""

    def __init__(self, classes: int = 3, width: int = 96, times: int = 32):
        super().__init__()
        self.times = times
        self.classes = nn.Embedding(classes + 1, 16)  # number 0 is the null condition
        self.first = nn.Linear(2 + times + 16, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, width)
        self.last = nn.Linear(width, 2)

    def forward(self, z_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
        told = self.classes(condition[:, 0])
        h = torch.cat([z_t, timestep_embedding(t, self.times), told], dim=1)
        for layer in (self.first, self.second, self.third):
            h = silu(layer(h))
        return self.last(h)


def fit(world: Classes, schedule: NoiseSchedule, rate: float, steps: int = 1200, seed: int = 0, advance=None):
    """Train a ClassDenoiser whose conditions are dropped at `rate`; advance(step) is called after each."""
    torch.manual_seed(seed)
    network, generator = ClassDenoiser(), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    data, classes = world.draw(20_000, generator)
    for step in range(steps):
        chosen = torch.randint(len(data), (256,), generator=generator)
        z, t = data[chosen].float(), torch.randint(schedule.T, (256,), generator=generator)
        told = drop_conditions(classes[chosen][:, None], torch.tensor([NULL]), rate, generator)
        noise = torch.randn(z.shape, generator=generator)
        loss = simple_loss(schedule, network, z, noise, t, told).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
        if advance:
            advance(step + 1)
    return network.eval().requires_grad_(False)


@torch.no_grad()
def away(network, perfect, world: Classes, schedule: NoiseSchedule, condition: int) -> float:
    """Root mean square difference of two denoisers' noise, on noisy points of a class (NULL: of all)."""
    generator = torch.Generator().manual_seed(1)
    z = world.of(condition).draw(2000, generator).float()
    t = torch.randint(schedule.T // 10, schedule.T, (2000,), generator=generator)
    z_t = schedule.add_noise(z, torch.randn(z.shape, generator=generator), t)
    told = torch.full((2000, 1), condition)
    return (network(z_t, t, told) - perfect(z_t.double(), t, told)).square().mean().sqrt().item()
