"""How a network is told the time."""

import math

import torch
from torch import Tensor, nn


def timestep_embedding(t: Tensor, dim: int, max_period: float = 10_000) -> Tensor:
    """Cosines, then sines, of `t` at dim/2 frequencies falling geometrically from 1 to 1/max_period.

    t `(B,)` -> float32 `(B, dim)`; dim is even.
    Vaswani et al. 2017, section 3.5, in the order of the original latent-diffusion release.
    """
    half = dim // 2
    steps = torch.arange(half, dtype=torch.float32, device=t.device)
    frequencies = torch.exp(-math.log(max_period) * steps / half)
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class TimestepMLP(nn.Module):
    """The timestep as a vector: sinusoidal embedding, two-layer perceptron. t `(B,)` -> `(B, out)`."""

    def __init__(self, channels: int, out: int):
        super().__init__()
        self.channels = channels
        self.linear1 = nn.Linear(channels, out)
        self.act = nn.SiLU()
        self.linear2 = nn.Linear(out, out)

    def forward(self, t: Tensor) -> Tensor:
        embedding = timestep_embedding(t, self.channels).to(self.linear1.weight.dtype)
        return self.linear2(self.act(self.linear1(embedding)))
