"""Two-dimensional data for lesson 04, and a network small enough to learn them in seconds."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from ldm_tutorial.nn import timestep_embedding

MOUTH = (1.12 * math.pi, 1.88 * math.pi)  # from where to where the mouth goes, as an angle


def smiling_face(n: int, generator: torch.Generator, thickness: float = 0.02) -> Tensor:
    """n points of a smiling face, (n, 2), with mean 0 and standard deviation 1 along each axis.

    A circle for the head (55%), an arc for the mouth (25%), a filled disc for each eye (10% each), all with
    Gaussian noise of standard deviation `thickness`, in radii of the head.
    """
    part = torch.rand(n, generator=generator)
    along, across = torch.rand(2, n, generator=generator)
    circle = _on_circle(2 * math.pi * along)
    mouth = 0.58 * _on_circle(MOUTH[0] + (MOUTH[1] - MOUTH[0]) * along) + torch.tensor([0.0, 0.05])
    side = torch.where(part < 0.9, -0.36, 0.36)
    eyes = 0.12 * across.sqrt()[:, None] * circle + torch.stack([side, torch.full_like(side, 0.32)], 1)
    part = part[:, None]
    face = torch.where(part < 0.55, circle, torch.where(part < 0.8, mouth, eyes))
    face = face + thickness * torch.randn(n, 2, generator=generator)
    return (face - face.mean(0)) / face.std(0)


class PointDenoiser(nn.Module):
    """A small network that is told noisy points and the timestep, and says which noise is in them.

    z_t (B, 2), t int64 (B,) -> (B, 2). Besides the coordinates it sees sines and cosines of them in random
    directions, without which a perceptron draws thin lines thick (Tancik et al. 2020, "Fourier features").
    The third argument, a condition, is not used.
    """

    def __init__(self, width: int = 128, waves: int = 48, scale: float = 4.0, times: int = 32):
        super().__init__()
        self.times = times
        self.register_buffer("waves", scale * torch.randn(2, waves))
        self.first = nn.Linear(2 + 2 * waves + times, width)
        self.second = nn.Linear(width, width)
        self.third = nn.Linear(width, width)
        self.last = nn.Linear(width, 2)

    def forward(self, z_t: Tensor, t: Tensor, _condition: object = None) -> Tensor:
        angles = z_t @ self.waves
        h = torch.cat([z_t, angles.sin(), angles.cos(), timestep_embedding(t, self.times)], dim=1)
        for layer in (self.first, self.second, self.third):
            h = silu(layer(h))
        return self.last(h)


def distance_to(data: Tensor, points: Tensor) -> Tensor:
    """From each of points (N, 2) to the nearest of data (M, 2): (N,)."""
    return torch.cdist(points, data).amin(1)


def _on_circle(angle: Tensor) -> Tensor:
    return torch.stack([angle.cos(), angle.sin()], 1)
