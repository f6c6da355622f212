"""Forgetting the condition now and then, so that one network learns both p(z|y) and p(z).

Classifier-free guidance (Ho & Salimans 2022, algorithm 1) needs the unconditional prediction of the same
network; one whose conditions were never dropped has none, and guiding it only spoils its pictures.
"""

import torch
from torch import Tensor, nn


def drop_conditions(tokens: Tensor, null_tokens: Tensor, rate: float, generator: torch.Generator) -> Tensor:
    """Replace whole rows of `tokens` (B, M) by `null_tokens` (M,), each with probability `rate`.

    The draw is made on the generator's device, so that a seed drops the same rows wherever the tokens are.
    """
    drop = torch.rand(len(tokens), generator=generator, device=generator.device) < rate
    return torch.where(drop.to(tokens.device)[:, None], null_tokens.to(tokens.device), tokens)


class ConditionDropout(nn.Module):
    """`drop_conditions` in training mode, nothing in evaluation mode. ValueError unless 0 <= rate <= 1."""

    def __init__(self, rate: float):
        super().__init__()
        if not 0 <= rate <= 1:
            raise ValueError(f"condition dropout rate is {rate}; it is a probability between 0 and 1")
        self.rate = rate

    def forward(self, tokens: Tensor, null_tokens: Tensor, generator: torch.Generator) -> Tensor:
        return drop_conditions(tokens, null_tokens, self.rate, generator) if self.training else tokens

    def extra_repr(self) -> str:
        return f"rate={self.rate}"
