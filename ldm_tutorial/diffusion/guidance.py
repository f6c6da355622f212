"""Classifier-free guidance: a denoiser in, a denoiser out (Ho & Salimans 2022).

    ε̂ = ε(∅) + w · (ε(c) - ε(∅))

w = 0 ignores the condition, w = 1 is plain conditional sampling, w > 1 exaggerates what the condition changes.
The other common form, (1+s) ε(c) - s ε(∅), is the same with w = 1 + s. Being linear, it holds for predictions
of x0 and v as well.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

Condition = Tensor | tuple[Tensor, ...]  # a tensor or a NamedTuple of tensors, batch first
Denoiser = Callable[[Tensor, Tensor, Condition | None], Tensor]


def guide(denoise: Denoiser, null: Condition, guidance_scale: float) -> Denoiser:
    """A denoiser (z_t, t, condition) -> prediction that follows the condition w = guidance_scale times as far.

    null: the empty condition ∅, of the form of the conditions to come, with batch 1 (used for every image) or B.
    Both predictions come from one call of `denoise` with a batch of 2B, the empty half first; at w = 1 only
    the conditional one is asked for, at w = 0 only the unconditional one.
    Raises ValueError if guidance_scale isn't a finite number, or null doesn't fit the condition.
    """
    w = float(guidance_scale)
    if not math.isfinite(w):
        raise ValueError(f"guidance_scale is {guidance_scale}; it must be a finite number")
    if w == 1:
        return denoise

    def unconditional(z_t: Tensor, t: Tensor, condition: Condition | None = None) -> Tensor:
        return denoise(z_t, t, _for_each(null, lambda part: _expand(part, len(z_t))))

    def guided(z_t: Tensor, t: Tensor, condition: Condition) -> Tensor:
        both = _stack(null, condition, len(z_t))
        empty, conditional = denoise(torch.cat([z_t, z_t]), torch.cat([t, t]), both).chunk(2)
        return empty + w * (conditional - empty)

    return unconditional if w == 0 else guided


def _stack(null: Condition, condition: Condition, batch: int) -> Condition:
    """∅ and c as one condition of batch 2B."""
    if type(condition) is not type(null):
        raise ValueError(
            f"condition is {type(condition).__name__} but the null condition is {type(null).__name__}; "
            "guidance needs two of the same form"
        )
    if isinstance(null, Tensor):
        return _cat(null, condition, batch)
    return type(null)(*(_cat(n, c, batch) for n, c in zip(null, condition, strict=True)))


def _cat(null: Tensor, condition: Tensor, batch: int) -> Tensor:
    if null.shape[1:] != condition.shape[1:]:
        raise ValueError(
            f"the null condition has shape {tuple(null.shape)} and the condition {tuple(condition.shape)}; "
            "they may differ in the batch only"
        )
    return torch.cat([_expand(null, batch), condition])


def _expand(null: Tensor, batch: int) -> Tensor:
    if len(null) not in (1, batch):
        raise ValueError(f"the null condition has batch {len(null)} for {batch} images; give 1 or {batch}")
    return null.expand(batch, *null.shape[1:])


def _for_each(condition: Condition, change: Callable[[Tensor], Tensor]) -> Condition:
    if isinstance(condition, Tensor):
        return change(condition)
    return type(condition)(*map(change, condition))
