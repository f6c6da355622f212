"""Checks at the door: what a network can't take is said in one sentence before it fails somewhere inside."""

import torch
from torch import Tensor


def check_images(x: Tensor, name: str, channels: int, factor: int) -> None:
    """Raise ValueError unless `x` is `(B, channels, H, W)` with H and W multiples of `factor`."""
    if x.ndim != 4:
        raise ValueError(f"{name} must have shape (B, {channels}, H, W), got {tuple(x.shape)}")
    if x.shape[1] != channels:
        raise ValueError(f"{name} must have {channels} channels, got {x.shape[1]} in shape {tuple(x.shape)}")
    for side, size in zip(("height", "width"), x.shape[2:], strict=True):
        if size % factor or size == 0:
            raise ValueError(
                f"{side} {size} is not a multiple of the downsampling factor {factor}; "
                "pad or crop the image first"
            )


def check_values(x: Tensor, name: str) -> None:
    """Raise ValueError where `x` `(B, ...)` is empty or holds a NaN or an infinity."""
    if not len(x):
        raise ValueError(f"{name} is an empty batch, {tuple(x.shape)}; give at least one")
    if not x.is_meta and not torch.isfinite(x).all():
        bad = torch.nonzero(~torch.isfinite(x).flatten(1).all(1)).flatten().tolist()
        raise ValueError(
            f"{name} hold NaN or infinite values at index {', '.join(map(str, bad))}; leave them out"
        )
