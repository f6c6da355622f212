"""What the rest of the course asks of a first stage."""

from typing import Protocol

import torch
from torch import Tensor


class FirstStage(Protocol):
    """Images `(B, 3, H, W)` in [-1, 1] <-> latents `(B, c, H/f, W/f)` of zero mean and unit variance."""

    latent_channels: int
    downsampling: int
    scale: float

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor: ...

    def decode(self, z: Tensor) -> Tensor: ...
