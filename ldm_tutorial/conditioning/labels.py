"""From a class to a vector: one token, with a learned embedding for each class and one for "no class"."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import torch
from torch import Tensor, nn

from ldm_tutorial.conditioning.condition import Condition


@dataclass(frozen=True)
class LabelConfig:
    """The names of the classes, in the order of their numbers."""

    names: tuple[str, ...]
    dim: int = 128

    def __post_init__(self):
        object.__setattr__(self, "names", tuple(self.names))  # JSON gives a list back
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError(f"names is {self.names}; it must have at least one name and none twice")


class LabelConditioner(nn.Module):
    """Class labels to a `Condition` of one token (Rombach et al. 2022, appendix E.2.1)."""

    def __init__(self, config: LabelConfig):
        super().__init__()
        self.config = config
        self.classes = nn.Embedding(len(config.names) + 1, config.dim)  # the last one is "no class"

    @property
    def context_dim(self) -> int:
        return self.config.dim

    @property
    def null_tokens(self) -> Tensor:
        """The token (1,) of "no class", on the CPU."""
        return torch.tensor([len(self.config.names)])

    def tokenize(self, conditions: Sequence[int | str]) -> Tensor:
        """Numbers or names of classes to int64 (B, 1) on the CPU; ValueError for one that is not there."""
        return torch.tensor([number_of(each, self.config.names) for each in conditions]).long().view(-1, 1)

    def forward(self, tokens: Tensor) -> Condition:
        """tokens: int64 (B, 1)."""
        return Condition(self.classes(tokens), torch.ones_like(tokens, dtype=torch.bool))


def number_of(name: int | str, names: Sequence[str]) -> int:
    """The number of a class given by number or name. Raises ValueError naming close ones."""
    if isinstance(name, str):
        if name not in names:
            near = get_close_matches(name, names, n=3, cutoff=0.5) or names
            raise ValueError(f"class {name!r} is not one of this model's; near it: {', '.join(near)}")
        return list(names).index(name)
    if not 0 <= int(name) < len(names):
        raise ValueError(f"class {name} is not there; this model has 0 to {len(names) - 1}")
    return int(name)
