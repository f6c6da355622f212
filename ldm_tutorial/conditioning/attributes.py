"""From yes/no attributes to vectors: one token per attribute, in one of three states.

"Unknown" is a state of its own. A picture without labels is all unknown, which is also the null condition of
guidance; and a request may name two attributes of forty and leave the others to the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import torch
from torch import Tensor, nn

from ldm_tutorial.conditioning.condition import Condition

UNKNOWN, ABSENT, PRESENT = range(3)


def hide_attributes(tokens: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Make attributes unknown in a `share` of the rows of `tokens` (B, M): so are partial requests learned.

    How many of a chosen row's attributes are hidden is uniform from none to all. Hiding each with one fixed
    rate would never show the network the requests that people make, which name two or three of forty.
    """
    shape = (len(tokens), 2 + tokens.shape[1])
    draw = torch.rand(shape, generator=generator, device=generator.device).to(tokens.device)
    chosen, rate, attribute = draw[:, :1] < share, draw[:, 1:2], draw[:, 2:]
    return tokens.masked_fill(chosen & (attribute < rate), UNKNOWN)


@dataclass(frozen=True)
class AttributeConfig:
    """Attribute tokens. `hide`: the share of training rows of which only a part is shown."""

    names: tuple[str, ...]
    dim: int = 128
    hide: float = 0.5

    def __post_init__(self):
        object.__setattr__(self, "names", tuple(self.names))  # JSON gives a list back
        if not self.names or len(set(self.names)) < len(self.names):
            raise ValueError(f"names is {self.names}; it must have at least one name and none twice")
        if not 0 <= self.hide <= 1:
            raise ValueError(f"hide is {self.hide}; it is a share between 0 and 1")


class AttributeConditioner(nn.Module):
    """Attributes to a `Condition` with one learned vector for every (attribute, state)."""

    def __init__(self, config: AttributeConfig):
        super().__init__()
        self.config = config
        self.states = nn.Embedding(3 * len(config.names), config.dim)

    @property
    def context_dim(self) -> int:
        return self.config.dim

    @property
    def null_tokens(self) -> Tensor:
        """The tokens (M,) of "nothing is known", on the CPU."""
        return self.tokenize([{}])[0]

    def tokenize(self, conditions: Sequence[Mapping[str, bool]]) -> Tensor:
        """Attributes to int64 states (B, M) on the CPU; what is not named is unknown.

        Raises ValueError for a name that the model was not trained with, and for a value that is not a bool.
        """
        places = {name: place for place, name in enumerate(self.config.names)}
        rows = []
        for attributes in conditions:
            row = [UNKNOWN] * len(places)
            for name, value in attributes.items():
                if name not in places:
                    near = get_close_matches(name, places, n=3, cutoff=0.5) or places
                    raise ValueError(
                        f"attribute {name!r} is not one of this model's; near it: {', '.join(near)}"
                    )
                if value not in (True, False):
                    raise ValueError(f"attribute {name!r} is {value!r}; give True or False, or leave it out")
                row[places[name]] = PRESENT if value else ABSENT
            rows.append(row)
        return torch.tensor(rows, dtype=torch.int64).view(-1, len(places))

    def hide(self, tokens: Tensor, generator: torch.Generator) -> Tensor:
        """`hide_attributes` with the rate of the config: for training."""
        return hide_attributes(tokens, self.config.hide, generator)

    def forward(self, tokens: Tensor) -> Condition:
        """tokens: int64 (B, M), M the number of attributes."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        return Condition(self.states(3 * places + tokens), torch.ones_like(tokens, dtype=torch.bool))
