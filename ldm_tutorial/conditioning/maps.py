"""From a semantic map, a class for every pixel, to a picture of one channel for each class."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class MapConfig:
    """The classes of a map in the order of their numbers, and its side in pixels."""

    names: tuple[str, ...]
    size: int = 64

    def __post_init__(self):
        object.__setattr__(self, "names", tuple(self.names))  # JSON gives a list back
        if not 1 <= len(self.names) <= 255:
            raise ValueError(f"names has {len(self.names)} classes; a map can have 1 to 255")


class MapConditioner(nn.Module):
    """Maps to pictures (B, classes + 1, size, size) of zeros and ones; the last channel is "unknown".

    Unknown everywhere is the null condition. Nothing is learned here: the U-Net's first layer reads it
    (semantic synthesis: Rombach et al. 2022, section 4.3.2).
    """

    def __init__(self, config: MapConfig):
        super().__init__()
        self.config = config

    @property
    def channels(self) -> int:
        return len(self.config.names) + 1

    @property
    def null_tokens(self) -> Tensor:
        """The map (size, size) that is unknown everywhere, on the CPU."""
        return torch.full((self.config.size, self.config.size), len(self.config.names), dtype=torch.uint8)

    def tokenize(self, conditions: Sequence[Tensor]) -> Tensor:
        """Maps (size, size) of class numbers to uint8 (B, size, size) on the CPU.

        Raises ValueError for a map of another size, and for a class that the model does not know.
        """
        side, names = self.config.size, self.config.names
        maps = [torch.as_tensor(each) for each in conditions]
        for index, each in enumerate(maps):
            if each.shape != (side, side):
                raise ValueError(
                    f"map {index} has shape {tuple(each.shape)}; this model reads {(side, side)}"
                )
        if not maps:
            return torch.empty(0, side, side, dtype=torch.uint8)
        stacked = torch.stack(maps).cpu()
        if stacked.is_floating_point() or stacked.min() < 0 or stacked.max() >= len(names):
            wrong = [value for value in stacked.unique().tolist() if value not in range(len(names))]
            known = ", ".join(f"{number} {name}" for number, name in enumerate(names))
            what = f"class {wrong[0]}" if wrong else f"values of {stacked.dtype}"
            raise ValueError(f"a map has {what}; this model knows {known}")
        return stacked.to(torch.uint8)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: uint8 (B, size, size) -> float32 (B, classes + 1, size, size)."""
        return F.one_hot(tokens.long(), self.channels).movedim(-1, 1).float()
