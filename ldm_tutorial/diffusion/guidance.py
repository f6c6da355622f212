"""Classifier-free guidance: a denoiser in, a denoiser out (Ho & Salimans 2022).

    ε̂ = ε(∅) + w · (ε(c) - ε(∅))

w = 0 ignores the condition, w = 1 is plain conditional sampling, w > 1 exaggerates what the condition
changes. The other common form, (1+s) ε(c) - s ε(∅), is the same with w = 1 + s. Being linear, it holds for
predictions of x0 and v as well. A negative prompt takes the place of ∅: away from it, not from nothing.
Several conditions compose as a sum (Liu et al. 2022, equation 11): ε(∅) + Σ w_i · (ε(c_i) - ε(∅)).
"""

import math
import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Condition = Tensor | tuple[Tensor | None, ...]  # a tensor or a NamedTuple of tensors, batch first
Denoiser = Callable[[Tensor, Tensor, Condition | None], Tensor]


def rescaled(guided: Tensor, conditional_std: Tensor, share: float) -> Tensor:
    """`guided` (B, ...), its standard deviation drawn back by a `share` to conditional_std (B, 1, ...).

    Guidance widens predictions, and wide predictions saturate (Lin et al. 2024, equations 15 and 16).
    """
    return (1 - share) * guided + share * guided * (conditional_std / std_of_each(guided))


def std_of_each(x: Tensor) -> Tensor:
    """The standard deviation of each image's values: (B, ...) -> (B, 1, ...)."""
    return x.std(dim=tuple(range(1, x.ndim)), keepdim=True)


def guide(
    denoise: Denoiser,
    null: Condition,
    guidance_scale: float | Sequence[float],
    negative: Condition | None = None,
    rescale: float = 0.0,
    interval: tuple[int, int] | None = None,
    batched: bool = True,
) -> Denoiser:
    """A denoiser that follows its condition guidance_scale (w) times as far as `denoise` does.

    denoise: callable (z_t (B, ...), t int64 (B,), condition) -> prediction (B, ...); so is what is returned.
    null: the empty condition ∅, of the form of the conditions to come, with batch 1 (for every image) or B.
    guidance_scale: w; or one for each of several conditions, and the returned denoiser takes a list of them.
    negative: what to lead away from, in place of null and of its form; with w <= 1 it can't, which is warned.
    rescale: how much of the widening to take back, from 0 to 1; see `rescaled`.
    interval: the lowest and the highest t at which to guide; at others w is 1, or 0 where it isn't positive
        (Kynkäänniemi et al. 2024). It saves the second prediction there.
    batched: one call of `denoise` with all predictions in one batch, the empty ones first; False calls it
        for one after the other, which takes less memory. What a w of 0 or 1 doesn't need is not asked for.
    Raises ValueError if an option is out of its range, or null doesn't fit the condition.
    """
    several = isinstance(guidance_scale, Sequence)
    scales = [float(w) for w in (guidance_scale if several else [guidance_scale])]
    check_options(guidance_scale, scales, rescale, interval)
    if negative is not None:
        if max(scales) <= 1:
            effect = "has no effect" if scales == [1] else "draws towards what it should lead away from"
            warnings.warn(
                f"guidance_scale is {guidance_scale}; a negative prompt {effect} unless it is above 1",
                stacklevel=2,
            )
        null = negative
    if scales == [1] and not several:
        return denoise
    outside = [1.0 if w > 0 else 0.0 for w in scales]

    def guided(z_t: Tensor, t: Tensor, condition=None) -> Tensor:
        conditions = list(condition) if several else [condition]
        if len(conditions) != len(scales):
            raise ValueError(f"{len(conditions)} conditions came for {len(scales)} guidance scales")
        if interval is None:
            return combine(z_t, t, conditions, scales)
        inside = (interval[0] <= t) & (t <= interval[1])
        if inside.all() or not inside.any():
            return combine(z_t, t, conditions, scales if inside.any() else outside)
        both = [combine(z_t, t, conditions, weights) for weights in (scales, outside)]
        return torch.where(inside.view(-1, *[1] * (z_t.ndim - 1)), *both)

    def combine(z_t: Tensor, t: Tensor, conditions: list, weights: list[float]) -> Tensor:
        used = [(w, c) for w, c in zip(weights, conditions, strict=True) if w]
        if len(used) == 1 and used[0][0] == 1:
            return denoise(z_t, t, used[0][1])
        empty, *conditional = predictions(z_t, t, [c for _, c in used])
        out = empty + sum(w * (each - empty) for (w, _), each in zip(used, conditional, strict=True))
        if rescale and used:
            out = rescaled(out, sum(map(std_of_each, conditional)) / len(used), rescale)
        return out

    def predictions(z_t: Tensor, t: Tensor, conditions: list) -> Sequence[Tensor]:
        for condition in conditions:
            check_form(null, condition, len(z_t))
        passes = [for_each_part(lambda part: expanded(part, len(z_t)), null), *conditions]
        if not batched or len(passes) == 1:
            return [denoise(z_t, t, each) for each in passes]
        n, together = len(passes), for_each_part(lambda *parts: torch.cat(parts), *passes)
        return denoise(torch.cat([z_t] * n), torch.cat([t] * n), together).chunk(n)

    return guided


def check_options(guidance_scale, scales: list[float], rescale: float, interval) -> None:
    if not scales or not all(map(math.isfinite, scales)):
        raise ValueError(f"guidance_scale is {guidance_scale}; it must be a finite number, or several")
    if not 0 <= rescale <= 1:
        raise ValueError(f"rescale is {rescale}; it is a share between 0 and 1")
    if interval is not None and (len(interval) != 2 or not interval[0] <= interval[1]):
        raise ValueError(f"interval is {interval}; give the lowest and the highest timestep that are guided")


def for_each_part(combine: Callable[..., Tensor], *conditions: Condition) -> Condition:
    """`combine` of the tensors at the same place of every condition; a part that all leave out stays out."""
    if isinstance(conditions[0], Tensor):
        return combine(*conditions)
    parts = zip(*conditions, strict=True)
    return type(conditions[0])(*(None if part[0] is None else combine(*part) for part in parts))


def expanded(null: Tensor, batch: int) -> Tensor:
    if len(null) not in (1, batch):
        raise ValueError(f"the null condition has batch {len(null)} for {batch} images; give 1 or {batch}")
    return null.expand(batch, *null.shape[1:])


def check_form(null: Condition, condition: Condition, batch: int) -> None:
    """Raise ValueError unless the condition has the null's type and, for every image, its shape."""
    if type(condition) is not type(null):
        raise ValueError(
            f"condition is a {type(condition).__name__} but the null condition a {type(null).__name__}; "
            "guidance needs two of the same form"
        )
    if not isinstance(null, Tensor):
        for nothing, part in zip(null, condition, strict=True):
            if nothing is not None or part is not None:
                check_form(nothing, part, batch)
    elif condition.shape != (batch, *null.shape[1:]):
        raise ValueError(
            f"condition has shape {tuple(condition.shape)}; for {batch} images and a null condition of shape "
            f"{tuple(null.shape)} it must be {(batch, *null.shape[1:])}"
        )
