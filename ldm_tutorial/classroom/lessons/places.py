"""Lesson 07: conditions that have places, as pictures to look at."""

import torch
from torch import Tensor

# background, skin, hair, clothing, ink: Paul Tol's "light" colours, and the ink as it is
PALETTE = torch.tensor(
    [[221, 221, 221], [255, 170, 187], [187, 204, 51], [119, 170, 221], [34, 34, 34]], dtype=torch.uint8
)


def coloured(maps: Tensor) -> Tensor:
    """Semantic maps (N, H, W) of the five classes of Peeps as pictures, uint8 (N, 3, H, W)."""
    return PALETTE[maps.long()].permute(0, 3, 1, 2)


def lines_of(edges: Tensor) -> Tensor:
    """Edges (N, 1, H, W), 255 where there is one, as dark lines on white, uint8 (N, 3, H, W)."""
    return (255 - edges).expand(-1, 3, -1, -1)
