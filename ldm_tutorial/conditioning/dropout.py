"""Forgetting the condition now and then, so that one network learns both p(z|y) and p(z).

Classifier-free guidance (Ho & Salimans 2022, algorithm 1) needs the unconditional prediction of the same
network; one whose conditions were never dropped has none, and guiding it only spoils its pictures.
"""

import torch
from torch import nn

from ldm_tutorial.conditioning.tokens import Tokens, replaced


def drop_conditions(tokens: Tokens, null_tokens: Tokens, rate: float, generator: torch.Generator) -> Tokens:
    """Replace whole rows of `tokens` (B, ...) by `null_tokens` (...), each with probability `rate`.

    Of several conditions, a dict, a row loses all that null_tokens names, together.
    The draw is made on the generator's device, so that a seed drops the same rows wherever the tokens are.
    """
    count = len(next(iter(tokens.values())) if isinstance(tokens, dict) else tokens)
    drop = torch.rand(count, generator=generator, device=generator.device) < rate
    return replaced(tokens, null_tokens, drop)


class ConditionDropout(nn.Module):
    """`drop_conditions` in training mode, nothing in evaluation mode. ValueError unless 0 <= rate <= 1."""

    def __init__(self, rate: float):
        super().__init__()
        if not 0 <= rate <= 1:
            raise ValueError(f"condition dropout rate is {rate}; it is a probability between 0 and 1")
        self.rate = rate

    def forward(self, tokens: Tokens, null_tokens: Tokens, generator: torch.Generator) -> Tokens:
        return drop_conditions(tokens, null_tokens, self.rate, generator) if self.training else tokens

    def extra_repr(self) -> str:
        return f"rate={self.rate}"
