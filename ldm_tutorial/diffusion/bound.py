"""The variational bound on the likelihood, in bits per dimension (Ho et al. 2020, eq. 5).

    -log p(x) <= KL(q(z_T|x) ‖ N(0, I)) + Σ_t KL(q(z_{t-1}|z_t, x) ‖ p(z_{t-1}|z_t)) - log p(x|z_0)
                 prior                    T-1 comparisons of two Gaussians             decoder

It is what the simple loss is a reweighting of: each KL term is a weight that depends on t alone times the
squared error of x0. There are as many terms as timesteps: the one of t = 0 is the decoder.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .noise import noise_like
from .posterior import check_variance, posterior
from .prediction import check_prediction
from .samplers.run import Generators
from .schedule import NoiseSchedule

DECODERS = ("pixels", "gaussian")
HALF_BIN = 1 / 255  # 256 grey levels lie 2/255 apart in [-1, 1]


class Bound(NamedTuple):
    """prior: (B,) and terms: (B, T), of every timestep, t = 0 the decoder's; in bits per dimension."""

    prior: Tensor
    terms: Tensor

    @property
    def total(self) -> Tensor:
        """(B,): an upper bound of the negative log-likelihood, from one draw of the noise."""
        return self.prior + self.terms.sum(1)


@torch.no_grad()
def variational_bound(
    schedule: NoiseSchedule,
    denoise: Callable[..., Tensor],
    x: Tensor,
    generator: Generators,
    condition: object = None,
    prediction: str = "epsilon",
    variance: str = "lower",
    decoder: str = "pixels",
    clip: float | None = None,
) -> Bound:
    """The bound of x (B, ...), asking the denoiser at each of the T timesteps, with fresh noise in each.

    decoder: "pixels" for images of 256 levels in [-1, 1], a probability and so never below 0 bits;
        "gaussian" for latents, a density. Everything else as in bound_terms.
    """
    terms = []
    for number in range(schedule.T):
        t = torch.full((len(x),), number, device=x.device)
        z_t = schedule.add_noise(x, noise_like(x, generator), t)
        output = denoise(z_t, t, condition)
        terms.append(bound_terms(schedule, output, x, z_t, t, prediction, variance, decoder, clip))
    return Bound(prior_term(schedule, x), torch.stack(terms, dim=1))


def prior_term(schedule: NoiseSchedule, x: Tensor) -> Tensor:
    """KL(q(z_T|x) ‖ N(0, I)) in bits per dimension, (B,): what the noisiest step still shows of x."""
    alpha_bar = float(schedule.alphas_cumprod[-1])
    return _bits((alpha_bar * x.square() - alpha_bar - math.log1p(-alpha_bar)) / 2)


def bound_terms(
    schedule: NoiseSchedule,
    output: Tensor,
    x: Tensor,
    z_t: Tensor,
    t: Tensor,
    prediction: str = "epsilon",
    variance: str = "lower",
    decoder: str = "pixels",
    clip: float | None = None,
) -> Tensor:
    """The bound's term of timestep t, in bits per dimension: x, z_t (B, ...), t int64 (B,) -> (B,).

    output: the denoiser's answer to z_t, (B, ...); twice the channels with variance="learned", as in DDPM
    variance: "lower", "upper" or "learned"; at t = 0, where β̃ is 0, the first two take β̃ of t = 1 and the
        third goes from it up to β (as the releases of Ho et al. and of Nichol & Dhariwal do)
    clip: bounds of the predicted x0, 1.0 for pixels in the papers' numbers
    """
    check_prediction(prediction)
    if decoder not in DECODERS:
        raise ValueError(f"decoder {decoder!r} is unknown; known are {', '.join(DECODERS)}")
    tables = _tables(schedule)
    log_lower, log_upper = (schedule.gather(table, t, z_t) for table in (tables.log_lower, tables.log_upper))
    if variance == "learned":
        output, fraction = output.chunk(2, dim=1)
        log_variance = log_lower + (fraction + 1) / 2 * (log_upper - log_lower)
    else:
        check_variance(variance)
        log_variance = log_lower if variance == "lower" else torch.where(_first(t, z_t), log_lower, log_upper)
    x0 = schedule.to_x0(output, z_t, t, prediction)
    x0 = x0 if clip is None else x0.clamp(-clip, clip)
    # both means have the same share of z_t, so that they differ by x0 alone; at t = 0 the mean is x0
    gap = schedule.gather(tables.x0, t, z_t) * (x - x0)
    kl = (
        log_variance - log_lower + (log_lower - log_variance).exp() - 1 + gap**2 * (-log_variance).exp()
    ) / 2
    log_likelihood = pixel_log_likelihood if decoder == "pixels" else gaussian_log_likelihood
    return _bits(torch.where(_first(t, z_t), -log_likelihood(x, x0, log_variance), kl))


def gaussian_log_likelihood(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log N(x; mean, variance) of each element, in nats."""
    return -(log_variance + math.log(2 * math.pi) + (x - mean) ** 2 * (-log_variance).exp()) / 2


def pixel_log_likelihood(x: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log of the share of N(mean, variance) in the bin of x, one of 256 levels in [-1, 1], in nats.

    The outermost bins reach to infinity (Ho et al. 2020, eq. 13). In logarithms all the way: a pixel that the
    denoiser got badly wrong costs many bits, not infinitely many.
    """
    std = (log_variance / 2).exp()
    # a bin above the mean has the share of its mirror image below, where log_ndtr is accurate
    distance = -(x - mean).abs()
    upper, lower = (torch.special.log_ndtr((distance + edge) / std) for edge in (HALF_BIN, -HALF_BIN))
    inside = upper + torch.log(-torch.expm1(lower - upper))
    black = torch.special.log_ndtr((x - mean + HALF_BIN) / std)
    white = torch.special.log_ndtr((mean - x + HALF_BIN) / std)
    return torch.where(x < -1 + HALF_BIN, black, torch.where(x > 1 - HALF_BIN, white, inside))


class _Tables(NamedTuple):
    x0: Tensor
    log_lower: Tensor
    log_upper: Tensor


def _tables(schedule: NoiseSchedule) -> _Tables:
    """The posterior of every timestep, with a decoder's variance where the posterior is a point, at t = 0."""
    alpha_bar = schedule.alphas_cumprod
    q = posterior(alpha_bar, torch.cat([alpha_bar.new_ones(1), alpha_bar[:-1]]))
    decoder = q.lower[1:2] if schedule.T > 1 else q.upper
    return _Tables(q.x0, torch.cat([decoder, q.lower[1:]]).log(), q.upper.log())


def _first(t: Tensor, like: Tensor) -> Tensor:
    return (t == 0).to(like.device).view(-1, *[1] * (like.ndim - 1))


def _bits(nats: Tensor) -> Tensor:
    """Per dimension: (B, ...) -> (B,)."""
    return nats.flatten(1).mean(1) / math.log(2)
