"""The two forms of an image: bytes in files and memory, floats in the network."""

import torch
from torch import Tensor


def to_float(pixels: Tensor) -> Tensor:
    """Map uint8 0..255 to float32 in [-1, 1], any shape."""
    if pixels.dtype != torch.uint8:
        raise ValueError(f"pixels must be uint8, got {pixels.dtype}")
    return pixels.to(torch.float32).div_(127.5).sub_(1.0)


def to_uint8(images: Tensor) -> Tensor:
    """Map floats in [-1, 1] to the nearest uint8 0..255, any shape; values outside are clipped."""
    if not images.is_floating_point():
        raise ValueError(f"images must be floating point in [-1, 1], got {images.dtype}")
    return images.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
