"""Two sets of images whose distance would mean nothing are refused."""

import torch
from torch import Tensor

from ldm_tutorial.data import ImageSet

RANGES = {"[0, 1]": "2 * images - 1", "[0, 255]": "images / 127.5 - 1"}


def check_comparable(samples: Tensor | ImageSet, reference: Tensor | ImageSet) -> tuple[int, int]:
    """(height, width) that the images of both sets have.

    Accepted are uint8 0..255 or floats in [-1, 1], as (N, 3, H, W) or as an ImageSet, which holds uint8.
    Raises TypeError for anything else, and ValueError for an empty set, and where sizes, dtypes or ranges
    differ or are not those.
    """
    seen = [described(images, name) for name, images in (("samples", samples), ("reference", reference))]
    (dtype, size, limits), (other_dtype, other_size, other_limits) = seen
    if dtype != other_dtype:
        raise ValueError(
            f"samples are {dtype} and reference is {other_dtype}; both must be the same, "
            "data.to_uint8 makes what files hold"
        )
    if size != other_size:
        sizes = " and reference ".join(f"{height}x{width}" for height, width in (size, other_size))
        raise ValueError(f"samples are {sizes}; bring both to one size, in the same way, first")
    wanted, lowest = "0..255" if dtype == "uint8" else "[-1, 1]", min(limits[0], other_limits[0])
    for name, (low, high) in (("samples", limits), ("reference", other_limits)):
        found = range_of(low, high, dtype)
        if found != wanted:
            fix = f": {RANGES[found]}" if found in RANGES else ""
            raise ValueError(f"{name} has values in {found}; {dtype} images must be in {wanted}{fix}")
        if dtype != "uint8" and 0 <= low < high and lowest < -0.02:  # a plain set may be all white
            raise ValueError(
                f"{name} has values in [{low:.3g}, {high:.3g}], none below 0, and the other set goes down to "
                f"{lowest:.3g}: if that is [0, 1], take {RANGES['[0, 1]']}; if not, data.to_uint8 of both"
            )
    return size


def described(images: Tensor | ImageSet, name: str) -> tuple[str, tuple[int, int], tuple[float, float]]:
    """dtype, (height, width), and the least and the largest value."""
    if not (isinstance(images, Tensor) or hasattr(images, "pixels")):
        kind = type(images).__name__
        raise TypeError(f"{name} is of type {kind}; a torch tensor (N, 3, H, W) or an ImageSet is accepted")
    if len(images) == 0:
        raise ValueError(f"{name} has no images; N = 0")
    if not isinstance(images, Tensor):
        height, width = images.pixels([0]).shape[-2:]
        return "uint8", (height, width), (0, 255)
    if images.ndim != 4 or images.shape[1] != 3 or 0 in images.shape:
        raise ValueError(f"{name} has shape {tuple(images.shape)}; (N, 3, H, W) is accepted")
    dtype = str(images.dtype).removeprefix("torch.")
    if dtype != "uint8" and not images.is_floating_point():
        raise ValueError(f"{name} are {dtype}; uint8 or floats are accepted")
    low, high = (float(value) for value in torch.aminmax(images))
    if not (low > float("-inf") and high < float("inf")):  # also where they are NaN
        raise ValueError(f"{name} holds NaN or infinity")
    return dtype, (images.shape[2], images.shape[3]), (low, high)


def range_of(low: float, high: float, dtype: str) -> str:
    """The range that images with such values are in."""
    if dtype == "uint8":
        return "[0, 1]" if low < high <= 1 else "0..255"
    if low >= -1.01 and high <= 1.01:
        # Black at 0 and nothing below it: images in [-1, 1] have values below 0 unless all are plain.
        return "[0, 1]" if 0 <= low < 0.02 and high > 0.5 else "[-1, 1]"
    return "[0, 255]" if low >= 0 and 1.01 < high <= 255 else f"[{low:.3g}, {high:.3g}]"
