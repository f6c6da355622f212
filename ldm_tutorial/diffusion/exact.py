"""Denoisers known in closed form: what a perfect network would say, and so a test of everything around it."""

from collections.abc import Callable

import torch
from torch import Tensor

from .prediction import check_prediction
from .schedule import NoiseSchedule


def gaussian_denoiser(
    schedule: NoiseSchedule, mean: Tensor, covariance: Tensor, prediction: str = "epsilon"
) -> Callable[..., Tensor]:
    """The optimal denoiser of data distributed as N(mean, covariance), for z_t (B, d).

    It knows E[x0 | z_t] = μ + aΣ (a²Σ + s²I)⁻¹ (z_t - aμ) with a = √ᾱ_t, s² = 1-ᾱ_t: a linear regression.
    mean: (d,); covariance: (d, d), positive semi-definite; both in z_t's dtype and on its device.
    """
    check_prediction(prediction)
    variances, axes = torch.linalg.eigh(covariance)

    def denoise(z_t: Tensor, t: Tensor, _condition: object = None) -> Tensor:
        a, s = schedule.signal_and_noise(t, z_t)
        gain = a * variances / (a**2 * variances + s**2)  # (B, d), along the principal axes
        x0 = mean + (gain * ((z_t - a * mean) @ axes)) @ axes.T
        return schedule.target(x0, (z_t - a * x0) / s, t, prediction)

    return denoise
