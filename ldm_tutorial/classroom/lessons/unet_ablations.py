"""U-Nets with a part taken out, and how to train and compare them (lesson 05)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ldm_tutorial.classroom.progress import Live
from ldm_tutorial.diffusion import NoiseSchedule, simple_loss
from ldm_tutorial.unet import UNet, UNetConfig


class WithoutSkips(UNet):
    """A U-Net whose skip connections carry zeros: the same weights, but all must go through the bottom."""

    def __init__(self, config: UNetConfig):
        super().__init__(config)
        below = config.widths[-1]
        for level, width in zip(self.up, reversed(config.widths), strict=True):
            for block in level.blocks:
                block.register_forward_pre_hook(_only_first(below))
                below = width


class WithoutTime(UNet):
    """A U-Net that is told t = 0 whatever the time is."""

    def forward(self, z: Tensor, t: Tensor, *rest) -> Tensor:
        return super().forward(z, torch.zeros_like(t), *rest)


def _only_first(channels: int):
    """A hook that keeps the first channels of a block's input, those from below, and silences the rest."""

    def keep(_block, inputs):
        h, *rest = inputs
        return torch.cat([h[:, :channels], torch.zeros_like(h[:, channels:])], dim=1), *rest

    return keep


def fit(
    network: nn.Module, latents: Tensor, schedule: NoiseSchedule, steps: int, label: str, seed: int = 0
) -> list[float]:
    """Train on v with batches of 8, in place; the loss of every step.

    The draws of data, times and noise depend on the seed alone, so that networks can be compared.
    """
    device, generator = latents.device, torch.Generator().manual_seed(seed)
    network.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps, pct_start=0.1)
    losses = []
    with Live(steps, label) as live:
        for step in range(steps):
            z = latents[torch.randint(len(latents), (8,), generator=generator)]
            t = torch.randint(schedule.T, (8,), generator=generator).to(device)
            noise = torch.randn(z.shape, generator=generator).to(device)
            loss = simple_loss(schedule, told(network), z, noise, t, prediction="v").mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            losses.append(loss.item())
            if step % 10 == 9:
                live.step(step + 1, f"loss {sum(losses[-10:]) / 10:.3f}")
    network.eval()
    return losses


def told(network: nn.Module):
    """The network as a denoiser: without a condition."""
    return lambda z, t, _condition: network(z, t)


@torch.no_grad()
def loss_by_level(
    network: nn.Module, z: Tensor, schedule: NoiseSchedule, levels: Sequence[int]
) -> list[float]:
    """The mean squared error of v at each timestep, on latents z, with noise that depends on t alone."""
    losses = []
    for t in levels:
        noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(t)).to(z.device)
        steps = torch.full((len(z),), t, device=z.device)
        losses.append(simple_loss(schedule, told(network), z, noise, steps, prediction="v").mean().item())
    return losses


@torch.no_grad()
def seen(network: nn.Module, z: Tensor, schedule: NoiseSchedule, t: int) -> tuple[Tensor, Tensor]:
    """Latents z noised to timestep t, and the clean ones that the network sees in them with one look."""
    noise = torch.randn(z.shape, generator=torch.Generator().manual_seed(0)).to(z.device)
    steps = torch.full((len(z),), t, device=z.device)
    z_t = schedule.add_noise(z, noise, steps)
    return z_t, schedule.to_x0(network(z_t, steps), z_t, steps, "v")
