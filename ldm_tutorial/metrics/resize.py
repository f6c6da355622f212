"""How images are brought to the size a feature network was trained on: the three ways in use.

Distances compare only where the way is the same (Parmar et al. 2022, "On Aliased Resizing").
"""

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

Resize = Literal["torch-fidelity", "clean-fid", "pytorch-fid"]


def resize(images: Tensor, size: int, how: Resize) -> Tensor:
    """Images (B, 3, H, W) with values 0..255 to float32 (B, 3, size, size), values 0..255.

    torch-fidelity: bilinear with the pixels' corners in place, as TensorFlow 1. pytorch-fid: bilinear with
        their centres in place. Neither smooths before it reduces.
    clean-fid: bicubic with the filter widened by the reduction, as in Pillow, clipped to 0..255.
    Raises ValueError for another name.
    """
    images = images.float()
    if how == "torch-fidelity":
        return corner_aligned(corner_aligned(images, size, dim=3), size, dim=2)
    if how == "pytorch-fid":
        return F.interpolate(images, (size, size), mode="bilinear", align_corners=False)
    if how == "clean-fid":
        enlarged = F.interpolate(images, (size, size), mode="bicubic", align_corners=False, antialias=True)
        return enlarged.clamp(0, 255)
    raise ValueError(f"resize is {how!r}; accepted are {', '.join(get_args(Resize))}")


def corner_aligned(images: Tensor, size: int, dim: int) -> Tensor:
    """Linear interpolation along one axis: pixel i of `size` lies at i * (old size / size)."""
    old = images.shape[dim]
    # float32, as in TensorFlow: in float64 some places would fall between other pixels.
    place = torch.arange(size, dtype=torch.float32, device=images.device) * torch.tensor(
        old / size, dtype=torch.float32
    )
    left = place.long()
    right = (left + 1).clamp(max=old - 1)
    shape = [1, 1, 1, 1]
    shape[dim] = size
    start, end = images.index_select(dim, left), images.index_select(dim, right)
    return start + (end - start) * (place - left).view(shape)
