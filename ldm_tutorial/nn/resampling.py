"""Halving and doubling the resolution."""

import torch.nn.functional as F
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
    """Nearest neighbour, then a 3x3 convolution. `(B, C, H, W)` -> `(B, C, 2H, 2W)`."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))
