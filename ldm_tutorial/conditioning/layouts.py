"""From a layout, boxes of a class each, to tokens: what is where (Rombach et al. 2022, section 4.3.1)."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ldm_tutorial.conditioning.condition import Condition
from ldm_tutorial.conditioning.labels import number_of

Box = tuple[str | int, tuple[float, float, float, float]]  # class, (left, top, right, bottom) within 0..1
PAD, START = 0, 1  # in place of a class; then come the classes


@dataclass(frozen=True)
class LayoutConfig:
    """The classes of the boxes, how many boxes are read, and in how many steps of a side they are placed."""

    names: tuple[str, ...]
    boxes: int = 8
    steps: int = 64
    dim: int = 128

    def __post_init__(self):
        object.__setattr__(self, "names", tuple(self.names))  # JSON gives a list back
        if self.boxes < 1 or self.steps < 2:
            raise ValueError(
                f"boxes is {self.boxes} and steps {self.steps}; at least 1 and 2 say where anything is"
            )


class LayoutConditioner(nn.Module):
    """Layouts to a `Condition`: a start token, then one for each box, its class and four sides summed.

    The empty layout is the start token alone: so is the null condition learned.
    """

    def __init__(self, config: LayoutConfig):
        super().__init__()
        self.config = config
        self.classes = nn.Embedding(2 + len(config.names), config.dim)
        self.sides = nn.ModuleList(nn.Embedding(config.steps + 1, config.dim) for _ in range(4))

    @property
    def context_dim(self) -> int:
        return self.config.dim

    @property
    def null_tokens(self) -> Tensor:
        """The tokens (1 + boxes, 5) of the empty layout, on the CPU."""
        return self.tokenize([[]])[0]

    def tokenize(self, conditions: Sequence[Sequence[Box]]) -> Tensor:
        """Layouts to int64 (B, 1 + boxes, 5) on the CPU, class and sides; cuts what is too long and warns.

        Raises ValueError for an unknown class, and for a box without area or outside of the picture.
        """
        tokens = torch.zeros(len(conditions), 1 + self.config.boxes, 5, dtype=torch.int64)
        tokens[:, 0, 0] = START
        for row, layout in zip(tokens, conditions, strict=True):
            if len(layout) > self.config.boxes:
                warnings.warn(
                    f"a layout has {len(layout)} boxes and the encoder reads {self.config.boxes}: "
                    f"cut before box {self.config.boxes + 1}, {layout[self.config.boxes][0]!r}",
                    stacklevel=2,
                )
            for place, (name, (left, top, right, bottom)) in zip(row[1:], layout, strict=False):
                if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
                    raise ValueError(
                        f"the box of {name!r} is {(left, top, right, bottom)}; it must be "
                        "(left, top, right, bottom) within 0 and 1, left before right, top before bottom"
                    )
                sides = [round(side * self.config.steps) for side in (left, top, right, bottom)]
                place[:] = torch.tensor([2 + number_of(name, self.config.names), *sides])
        return tokens

    def forward(self, tokens: Tensor) -> Condition:
        """tokens: int64 (B, M, 5), M at most 1 + boxes."""
        kinds, places = tokens[..., 0], tokens[..., 1:].unbind(-1)
        where = sum(side(place) for side, place in zip(self.sides, places, strict=True))
        context = self.classes(kinds) + where * (kinds > START).unsqueeze(-1)
        return Condition(context, kinds != PAD)


def boxes_of(semantic_map: Tensor, names: Sequence[str]) -> list[Box]:
    """The layout of a semantic map (H, W): the box around each class but the first, the background."""
    height, width = semantic_map.shape
    found = []
    for number, name in enumerate(names[1:], start=1):
        rows, columns = torch.nonzero(semantic_map == number, as_tuple=True)
        if len(rows):
            left, top = columns.min().item() / width, rows.min().item() / height
            right, bottom = (columns.max().item() + 1) / width, (rows.max().item() + 1) / height
            found.append((name, (left, top, right, bottom)))
    return found
