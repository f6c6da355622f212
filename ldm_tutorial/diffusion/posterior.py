"""One step back when the clean image is known: q(z_s | z_t, x0) for s < t, a Gaussian in closed form.

z_s has two witnesses: x0, which says z_s ~ N(√ᾱ_s x0, 1-ᾱ_s), and z_t, which says z_t ~ N(√α z_s, β) with
α = ᾱ_t/ᾱ_s and β = 1-α. The product of the two Gaussians is

    mean      √ᾱ_s β/(1-ᾱ_t) x0  +  √α (1-ᾱ_s)/(1-ᾱ_t) z_t
    variance  β̃ = β (1-ᾱ_s)/(1-ᾱ_t)

(DDPM eqs. 6 and 7, written there for s = t-1). A sampler that knows x0 only by a guess must widen it: the
right variance lies between "lower" = β̃ (exact for data that are a single point) and "upper" = β (exact for
data that are N(0, I)); DDPM section 3.2. A network may also learn where, in logarithms, since the two differ
by orders of magnitude near the clean image: Σ = exp(v log β + (1-v) log β̃), eq. 15 of Nichol & Dhariwal 2021.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .schedule import NoiseSchedule

VARIANCES = ("lower", "upper")


class Posterior(NamedTuple):
    """The weights of x0 and z_t in the posterior mean, and both bounds of the variance."""

    x0: float | Tensor
    z_t: float | Tensor
    lower: float | Tensor
    upper: float | Tensor


def posterior(alpha_bar_t: float | Tensor, alpha_bar_s: float | Tensor) -> Posterior:
    """The closed form above, for Python floats or float64 tensors; alpha_bar_s = 1 is the clean image."""
    alpha = alpha_bar_t / alpha_bar_s
    beta = 1 - alpha
    return Posterior(
        x0=alpha_bar_s**0.5 * beta / (1 - alpha_bar_t),
        z_t=alpha**0.5 * (1 - alpha_bar_s) / (1 - alpha_bar_t),
        lower=beta * (1 - alpha_bar_s) / (1 - alpha_bar_t),
        upper=beta,
    )


def posterior_mean(schedule: NoiseSchedule, x0: Tensor, z_t: Tensor, t: Tensor) -> Tensor:
    """Mean of q(z_{t-1} | z_t, x0). x0, z_t: (B, ...); t: int64 (B,); at t = 0 it is x0."""
    tables = _tables(schedule)
    return schedule.gather(tables.x0, t, z_t) * x0 + schedule.gather(tables.z_t, t, z_t) * z_t


def posterior_variance(schedule: NoiseSchedule, t: Tensor, like: Tensor, variance: str = "lower") -> Tensor:
    """β̃_t ("lower") or β_t ("upper"), (B, 1, ..., 1), to multiply `like` (B, ...).

    Raises ValueError for another name.
    """
    check_variance(variance)
    return schedule.gather(getattr(_tables(schedule), variance), t, like)


def learned_variance(output: Tensor, q: Posterior) -> Tensor:
    """Σ = exp(v log β + (1-v) log β̃) with v = (output + 1)/2 (Nichol & Dhariwal 2021, eq. 15).

    output: (B, ...), -1 for the lower bound, 1 for the upper, and it may go beyond either. q: of one step,
    not one that ends in the clean image, where β̃ = 0 has no logarithm.
    """
    low, high = math.log(q.lower), math.log(q.upper)
    return torch.exp((high - low) / 2 * output + (high + low) / 2)


def check_variance(variance: str) -> None:
    if variance not in VARIANCES:
        raise ValueError(f"variance {variance!r} is unknown; known are {', '.join(VARIANCES)}")


def _tables(schedule: NoiseSchedule) -> Posterior:
    alpha_bar = schedule.alphas_cumprod
    return posterior(alpha_bar, torch.cat([alpha_bar.new_ones(1), alpha_bar[:-1]]))
