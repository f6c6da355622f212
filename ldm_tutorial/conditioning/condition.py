"""What the U-Net is told about the picture: a sequence of vectors, and which of them are real."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from torch import Tensor


class Condition(NamedTuple):
    """The sequence tau(y) that cross-attention reads (Rombach et al. 2022, section 3.3).

    context: (B, M, d), a vector for each token; mask: (B, M) bool, True for a real token, False for padding.
    """

    context: Tensor
    mask: Tensor


class Conditioner(Protocol):
    """Turns what a user asks for into tokens, and tokens into a `Condition`.

    `tokenize` is cheap and done once for a data set; `__call__` has the trained weights. `null_tokens` mean
    "nothing asked": condition dropout writes them in training, guidance reads them in sampling.
    """

    config: Any
    context_dim: int

    @property
    def null_tokens(self) -> Tensor: ...  # (M,) int64, CPU

    def tokenize(self, conditions: Sequence) -> Tensor: ...  # (B, M) int64, CPU

    def __call__(self, tokens: Tensor) -> Condition: ...
