"""Denoisers known in closed form: what a perfect network would say, and so a test of everything around it.

A perfect network answers with the mean of all images that could have become z_t, each as often as it does.
For a finite set of points, and for Gaussians and their mixtures, that mean can be written down. None of these
denoisers invents anything: asked with little noise, the one of a set of points returns the nearest of them.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .prediction import check_prediction
from .schedule import NoiseSchedule

Denoiser = Callable[..., Tensor]


def points_denoiser(points: Tensor, schedule: NoiseSchedule, prediction: str = "epsilon") -> Denoiser:
    """The optimal denoiser of data that are one of these points, each equally often, for z_t (B, ...).

    E[x0 | z_t] = Σ_i w_i x_i with w = softmax_i(-‖z_t - a x_i‖² / 2s²), a = √ᾱ_t, s² = 1-ᾱ_t: the points,
    weighted by how likely each of them has become z_t. points: (N, ...), vectors or images, in z_t's dtype
    and on its device. Costs B·N distances a call. Raises ValueError for shapes that don't fit.
    """
    flat = points.flatten(1)

    def x0_given(z_t: Tensor, a: Tensor, s: Tensor) -> Tensor:
        a = a.clamp(min=1e-12)  # pure noise: every point is as likely
        # not by a matrix product, whose rounding errors s² would blow up
        distances = torch.cdist(z_t / a, flat, compute_mode="donot_use_mm_for_euclid_dist")
        return torch.softmax(-0.5 * (a / s * distances) ** 2, dim=1) @ flat

    return _denoiser(x0_given, points.shape[1:], schedule, prediction)


def mixture_denoiser(
    means: Tensor,
    covariances: Tensor,
    weights: Tensor | None,
    schedule: NoiseSchedule,
    prediction: str = "epsilon",
) -> Denoiser:
    """The optimal denoiser of data distributed as Σ_k weights_k N(means_k, covariances_k), for z_t (B, ...).

    Each Gaussian answers for itself, m + aC (a²C + s²I)⁻¹ (z_t - am), a linear regression; the answers are
    weighted by how likely each has made z_t ~ N(am, a²C + s²I).
    means: (K, ...), vectors or images; covariances: (K,) for variances alike in all directions, shaped like
    means for a variance of each element, or (K, d, d), positive semi-definite, for vectors. weights: (K,)
    positive, made to sum to 1; None for equal ones. All in z_t's dtype and on its device.
    Raises ValueError for shapes that don't fit.
    """
    m = means.flatten(1)
    axes = None
    if covariances.shape == (len(m), m.shape[1], m.shape[1]):
        variances, axes = torch.linalg.eigh(covariances)  # (K, d) along the principal axes, (K, d, d)
    elif covariances.shape in ((len(m),), means.shape):
        variances = covariances.reshape(len(m), -1)
    else:
        raise ValueError(
            f"covariances have shape {tuple(covariances.shape)} for means {tuple(means.shape)}; they must be "
            f"{(len(m),)}, {tuple(means.shape)} or {(len(m), m.shape[1], m.shape[1])}"
        )
    weights = m.new_ones(len(m)) if weights is None else weights
    if weights.shape != (len(m),) or not bool((weights > 0).all()):
        raise ValueError(f"weights are {weights.tolist()}; there must be {len(m)}, and all positive")

    def x0_given(z_t: Tensor, a: Tensor, s: Tensor) -> Tensor:
        a, s = a[:, None], s[:, None]
        total = a**2 * variances + s**2  # (B, K, d), or (B, K, 1)
        offset = z_t[:, None] - a * m  # (B, K, d)
        if axes is not None:
            offset = torch.einsum("bkd,kde->bke", offset, axes)
        log_likelihood = -0.5 * (offset**2 / total + total.log()).expand_as(offset).sum(2)
        share = torch.softmax(weights.log() + log_likelihood, dim=1)  # (B, K)
        correction = a * variances / total * offset
        if axes is not None:
            correction = torch.einsum("bke,kde->bkd", correction, axes)
        return torch.einsum("bk,bkd->bd", share, m + correction)

    return _denoiser(x0_given, means.shape[1:], schedule, prediction)


def gaussian_denoiser(
    schedule: NoiseSchedule, mean: Tensor, covariance: Tensor, prediction: str = "epsilon"
) -> Denoiser:
    """The optimal denoiser of data distributed as N(mean, covariance), for z_t (B, ...).

    It knows E[x0 | z_t] = μ + aΣ (a²Σ + s²I)⁻¹ (z_t - aμ) with a = √ᾱ_t, s² = 1-ᾱ_t: a linear regression.
    mean: (d,) or an image; covariance: (d, d), positive semi-definite, or what mixture_denoiser also takes
    of one Gaussian; both in z_t's dtype and on its device.
    """
    return mixture_denoiser(mean[None], covariance[None], None, schedule, prediction)


def _denoiser(
    x0_given: Callable[[Tensor, Tensor, Tensor], Tensor],
    shape: torch.Size,
    schedule: NoiseSchedule,
    prediction: str,
) -> Denoiser:
    """From E[x0 | z_t] for flat (B, d) and a, s of shape (B, 1), to any shape and prediction."""
    check_prediction(prediction)

    def denoise(z_t: Tensor, t: Tensor, _condition: object = None) -> Tensor:
        if z_t.shape[1:] != shape:
            raise ValueError(
                f"z_t has shape {tuple(z_t.shape)}; this denoiser knows data of shape {tuple(shape)}"
            )
        flat = z_t.flatten(1)
        a, s = schedule.signal_and_noise(t, flat)
        x0 = x0_given(flat, a, s)
        return schedule.target(x0, (flat - a * x0) / s, t, prediction).view_as(z_t)

    return denoise
