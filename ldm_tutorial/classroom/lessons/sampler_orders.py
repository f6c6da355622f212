"""A test with a known answer for lesson 06: how fast samplers approach it.

On a line the probability-flow ODE keeps the order of the points. So it takes each quantile of the noise to
the same quantile of the data (half of all points are below the median before and after), and for a mixture of
Gaussians every quantile at every noise level can be computed: where a path must go is known beforehand.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ldm_tutorial.diffusion import NoiseSchedule, Sampler, mixture_denoiser


@dataclass(frozen=True)
class LineMixture:
    """Gaussians on a line: means, standard deviations and weights (K,), float64; the weights sum to 1."""

    means: Tensor
    stds: Tensor
    weights: Tensor

    def denoiser(self, schedule: NoiseSchedule, prediction: str = "epsilon") -> Callable[..., Tensor]:
        """The perfect denoiser for points z_t (B, 1)."""
        return mixture_denoiser(self.means[:, None], self.stds**2, self.weights, schedule, prediction)

    def share_below(self, z: Tensor, a: float, s: float) -> Tensor:
        """Which share of all a · x0 + s · noise lies below each z (N,): the distribution function, (N,)."""
        spread = (a**2 * self.stds**2 + s**2).sqrt()
        return torch.special.ndtr((z[:, None] - a * self.means) / spread) @ self.weights

    def quantiles(self, shares: Tensor, a: float, s: float) -> Tensor:
        """Below which z the given shares (N,) of all a · x0 + s · noise lie, (N, 1), by bisection."""
        low, high = torch.full_like(shares, -20), torch.full_like(shares, 20)
        for _ in range(60):
            middle = (low + high) / 2
            below = self.share_below(middle, a, s) < shares
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return middle[:, None]


def three_hills() -> LineMixture:
    """Two thirds of the points near 0 and 1, the others further out: nothing symmetric about it."""
    rows = torch.tensor([[-1.0, 0.4, 1.2], [0.3, 0.25, 0.4], [0.3, 0.5, 0.2]], dtype=torch.float64)
    return LineMixture(*rows)


def error(sampler: Sampler, mixture: LineMixture, last_step: bool = False) -> float:
    """How far 41 paths are from where they must be when the last step begins: root mean square.

    last_step: whether that step, to the clean data, is taken too. It returns the denoiser's x0, and what that
    differs from the true end by depends on the level from which it starts, not on the steps before.
    """
    shares = torch.linspace(0.02, 0.98, 41, dtype=torch.float64)
    first, last = sampler.path[0], sampler.path[-1]
    denoise = mixture.denoiser(sampler.schedule, sampler.prediction)
    z = start = mixture.quantiles(shares, first.a, first.s)
    for state in sampler(denoise, start):
        if last_step or state.t >= 0:
            z = state.z
    a, s = (last.next_a, 0.0) if last_step else (last.a, last.s)
    return (z - mixture.quantiles(shares, a, s)).square().mean().sqrt().item()


def slope(steps: list[int], errors: list[float]) -> float:
    """The order: by how many powers the error falls as the steps grow (a straight line through the logs)."""
    x, y = torch.tensor(steps).double().log(), torch.tensor(errors).double().log()
    x, y = x - x.mean(), y - y.mean()
    return -((x * y).sum() / x.square().sum()).item()
