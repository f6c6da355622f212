"""Halving and doubling the resolution."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


class Downsample(nn.Module):
    """3x3 convolution of stride 2. `(B, C, H, W)` -> `(B, C, H/2, W/2)`.

    The U-Net pads by one on every side; the first stage, as released, only below and at the right.
    """

    def __init__(self, channels: int, asymmetric: bool = False):
        super().__init__()
        self.asymmetric = asymmetric
        self.conv = nn.Conv2d(channels, channels, 3, stride=2, padding=0 if asymmetric else 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)) if self.asymmetric else x)


class Upsample(nn.Module):
    """Nearest neighbour, then a 3x3 convolution. `(B, C, H, W)` -> `(B, C, 2H, 2W)`.

    In the enlarged picture every pixel stands four times, so that the nine weights fall on four different
    pixels at most. Adding up those that fall on the same one gives a transposed convolution: the same result
    with 16 products for each pixel of x in place of 36.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        rows = sums_over_doubled(rearrange(self.conv.weight, "o i y x -> y x i o"))
        kernel = sums_over_doubled(rearrange(rows, "y x i o -> x y i o"))
        kernel = rearrange(kernel, "x y i o -> i o y x")
        return F.conv_transpose2d(x, kernel, self.conv.bias, stride=2, padding=1)


def sums_over_doubled(taps: Tensor) -> Tensor:
    """What a doubled pixel gives to the four places around it under three taps. `(3, ...)` -> `(4, ...)`"""
    before, at, after = taps
    return torch.stack([after, at + after, before + at, before])
