"""Checks at the door: what a network can't take is said in one sentence before it fails somewhere inside."""

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
