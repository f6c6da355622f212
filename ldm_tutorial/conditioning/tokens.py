"""Tokens: one tensor for a model with one condition, a dict of tensors for one with several."""

from collections.abc import Callable

import torch
from torch import Tensor

Tokens = Tensor | dict[str, Tensor]


def each_part(do: Callable[[Tensor], Tensor], tokens: Tokens) -> Tokens:
    """What `do` makes of the tensor, or of every tensor: tokens[rows], tokens.to(device)."""
    return {name: do(part) for name, part in tokens.items()} if isinstance(tokens, dict) else do(tokens)


def replaced(tokens: Tokens, null_tokens: Tokens, chosen: Tensor) -> Tokens:
    """`tokens` with the rows that are `chosen` (B,) bool replaced by `null_tokens` (one row, without B).

    Of several conditions those are kept that null_tokens doesn't name: they have no null.
    """
    if isinstance(tokens, dict):
        return {
            name: replaced(part, null_tokens[name], chosen) if name in null_tokens else part
            for name, part in tokens.items()
        }
    chosen = chosen.to(tokens.device).view(-1, *[1] * (tokens.ndim - 1))
    return torch.where(chosen, null_tokens.to(tokens.device), tokens)


def emptied(tokens: Tokens, null_tokens: Tokens) -> Tokens:
    """`replaced` in every row: what guidance calls the null condition of these images."""
    count = len(next(iter(tokens.values())) if isinstance(tokens, dict) else tokens)
    return replaced(tokens, null_tokens, torch.ones(count, dtype=torch.bool))
