"""Classifier-free guidance: a denoiser in, a denoiser out (Ho & Salimans 2022).

    ε̂ = ε(∅) + w · (ε(c) - ε(∅))

w = 0 ignores the condition, w = 1 is plain conditional sampling, w > 1 exaggerates what the condition
changes. The other common form, (1+s) ε(c) - s ε(∅), is the same with w = 1 + s. Being linear, it holds for
predictions of x0 and v as well.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Condition = Tensor | tuple[Tensor, ...]  # a tensor or a NamedTuple of tensors, batch first
Denoiser = Callable[[Tensor, Tensor, Condition | None], Tensor]


def guide(denoise: Denoiser, null: Condition, guidance_scale: float) -> Denoiser:
    """A denoiser that follows its condition guidance_scale (w) times as far as `denoise` does.

    denoise: callable (z_t (B, ...), t int64 (B,), condition) -> prediction (B, ...); so is what is returned.
    null: the empty condition ∅, of the form of the conditions to come, with batch 1 (for every image) or B.
    Both predictions come from one call of `denoise` with a batch of 2B, the empty half first; at w = 1 only
    the conditional one is asked for, at w = 0 only the unconditional one.
    Raises ValueError if guidance_scale isn't a finite number, or null doesn't fit the condition.
    """
    w = float(guidance_scale)
    if not math.isfinite(w):
        raise ValueError(f"guidance_scale is {guidance_scale}; it must be a finite number")
    if w == 1:
        return denoise

    def unconditional(z_t: Tensor, t: Tensor, _condition: Condition | None = None) -> Tensor:
        return denoise(z_t, t, _for_each_part(lambda n: _expand(n, len(z_t)), null))

    def guided(z_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        if type(condition) is not type(null):
            raise ValueError(
                f"condition is a {type(condition).__name__} but the null condition a {type(null).__name__}; "
                "guidance needs two of the same form"
            )
        both = _for_each_part(lambda n, c: _stack(n, c, len(z_t)), null, condition)
        empty, conditional = denoise(torch.cat([z_t, z_t]), torch.cat([t, t]), both).chunk(2)
        return empty + w * (conditional - empty)

    return unconditional if w == 0 else guided


def _for_each_part(combine: Callable[..., Tensor], *conditions: Condition) -> Condition:
    if isinstance(conditions[0], Tensor):
        return combine(*conditions)
    return type(conditions[0])(*map(combine, *conditions))


def _stack(null: Tensor, condition: Tensor, batch: int) -> Tensor:
    if condition.shape != (batch, *null.shape[1:]):
        raise ValueError(
            f"condition has shape {tuple(condition.shape)}; for {batch} images and a null condition of shape "
            f"{tuple(null.shape)} it must be {(batch, *null.shape[1:])}"
        )
    return torch.cat([_expand(null, batch), condition])


def _expand(null: Tensor, batch: int) -> Tensor:
    if len(null) not in (1, batch):
        raise ValueError(f"the null condition has batch {len(null)} for {batch} images; give 1 or {batch}")
    return null.expand(batch, *null.shape[1:])
