"""Concatenation: the condition stands beside the noisy latent, as more channels of the first convolution."""

import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.conditioning.condition import Condition
from ldm_tutorial.conditioning.mechanisms.forms import Routes, picture_of


class Concatenation(nn.Module):
    """For maps, low-resolution and masked images, which have places (Rombach et al. 2022, section 4.3.2).

    A sequence has no places: all of them get its mean vector.
    """

    def __init__(self, width: int):
        super().__init__()
        self.needs = {"in_channels": width}

    def forward(self, encoded: Condition | Tensor) -> Routes:
        return Routes(channels=picture_of(encoded))


def at_size(picture: Tensor, height: int, width: int) -> Tensor:
    """A picture (B, C, H, W) at another size: means of pixels that fall together, or one repeated."""
    return (
        picture if picture.shape[2:] == (height, width) else F.adaptive_avg_pool2d(picture, (height, width))
    )
