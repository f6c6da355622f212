"""Data in the plane for lesson 06 whose perfect denoiser is known, and the exact way of every point."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ldm_tutorial.diffusion import Heun, NoiseSchedule, Sampler, mixture_denoiser


@dataclass(frozen=True)
class PlaneMixture:
    """Gaussians in the plane, equally likely: means (K, 2) and covariances (K, 2, 2), float64."""

    means: Tensor
    covariances: Tensor

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n points of it, (n, 2)."""
        which = torch.randint(len(self.means), (n,), generator=generator)
        noise = torch.randn(n, 2, 1, generator=generator).double()
        return self.means[which] + (torch.linalg.cholesky(self.covariances)[which] @ noise)[..., 0]

    def denoiser(self, schedule: NoiseSchedule, prediction: str = "epsilon") -> Callable[..., Tensor]:
        """The perfect denoiser for points z_t (B, 2)."""
        return mixture_denoiser(self.means, self.covariances, None, schedule, prediction)


def three_strokes() -> PlaneMixture:
    """Three strokes of a brush around the middle, with mean 0 and standard deviation near 1."""
    corners = torch.tensor([math.pi / 2 + turn for turn in (0, 2 * math.pi / 3, 4 * math.pi / 3)])
    means = 1.35 * torch.stack([corners.cos(), corners.sin()], 1).double()
    along = torch.stack([-corners.sin(), corners.cos()], 1).double()
    across = means / means.norm(dim=1, keepdim=True)
    outer = lambda v: v[:, :, None] * v[:, None]  # noqa: E731
    return PlaneMixture(means, 0.4**2 * outer(along) + 0.07**2 * outer(across))


def walk(sampler: Sampler, denoise: Callable[..., Tensor], start: Tensor, generator=None) -> Tensor:
    """All states of a run, from noise (N, 2) to the clean points: (steps + 1, N, 2)."""
    return torch.stack([start, *(state.z for state in sampler(denoise, start, generator=generator))])


def exact_ways(schedule: NoiseSchedule, denoise: Callable[..., Tensor], start: Tensor) -> Tensor:
    """Where the probability-flow ODE leads, (S, N, 2): hundreds of steps of second order, in float64."""
    return walk(Heun(schedule, (schedule.T - 1) // 3 + 1, spacing="linspace"), denoise, start.double())


def between(n: int = 6) -> Tensor:
    """n starting points around the middle, (n, 2), float64, from which the ways bend most."""
    angle = torch.arange(n).double() / n * 2 * math.pi + 0.3
    radius = torch.where(torch.arange(n) % 2 == 0, 0.6, 1.2).double()
    return radius[:, None] * torch.stack([angle.cos(), angle.sin()], 1)
