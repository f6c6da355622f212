"""Which part of a picture is shown, and at what size."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ldm_tutorial.data.decode import BadImageError

# The 128x128 box centred at (89, 121) of the aligned 178x218 CelebA pictures (Song et al., 2021, DDIM).
CELEBA_PICTURE = (178, 218)
CELEBA_BOX = (25, 57, 153, 185)

# Pillow's filters widen with the reduction, so both are antialiased. Bicubic is what the LDM release applies
# to LSUN; the box filter, the mean of each 2x2 block, is the halving of the DDIM crop of CelebA.
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "box": Image.Resampling.BOX}

Crop = None | str | int | tuple[int, int, int, int]


@dataclass(frozen=True)
class Framing:
    """Crop, then resize to `size` x `size`.

    crop: None or "center" is the largest centred square, an int the centred square of that many pixels,
    (left, top, right, bottom) this square box, "celeba" the DDIM box of aligned CelebA, else "center".
    """

    size: int
    crop: Crop = None
    filter: str = "bicubic"

    def __post_init__(self):
        if isinstance(self.size, bool) or not isinstance(self.size, int) or self.size < 1:
            raise ValueError(f"size must be a number of pixels, 1 or more, got {self.size!r}")
        if self.filter not in FILTERS:
            raise ValueError(f"filter must be one of {', '.join(FILTERS)}, got {self.filter!r}")
        crop = self.crop
        if isinstance(crop, list):
            object.__setattr__(self, "crop", tuple(crop))
            crop = self.crop
        named = crop is None or crop in ("center", "celeba")
        square = isinstance(crop, int) and not isinstance(crop, bool) and crop >= 1
        box = isinstance(crop, tuple) and len(crop) == 4 and 0 < crop[2] - crop[0] == crop[3] - crop[1]
        if not (named or square or box):
            raise ValueError(
                'crop must be None, "center", a number of pixels, '
                f"or a square box (left, top, right, bottom), got {crop!r}"
            )

    def box(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The box (left, top, right, bottom) of a picture of that size.

        Raises BadImageError if the picture is smaller than the box, or the box's side is below size / 4:
        beyond a fourfold enlargement a picture is mostly invented.
        """
        box = self._box(width, height)
        if box[0] < 0 or box[1] < 0 or box[2] > width or box[3] > height:
            raise BadImageError("smaller than the crop", f"{width}x{height} pixels, crop {self.crop}")
        if 4 * (box[2] - box[0]) < self.size:
            raise BadImageError("too small", f"{width}x{height} pixels, below a quarter of size {self.size}")
        return box

    def _box(self, width: int, height: int) -> tuple[int, int, int, int]:
        if isinstance(self.crop, tuple):
            return self.crop
        if self.crop == "celeba" and (width, height) == CELEBA_PICTURE:
            return CELEBA_BOX
        side = self.crop if isinstance(self.crop, int) else min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        return left, top, left + side, top + side

    def pixels(self, picture: Image.Image) -> Tensor:
        """RGB picture -> uint8 (3, size, size)."""
        array = np.array(self._cut(picture, FILTERS[self.filter]))
        return torch.from_numpy(array).permute(2, 0, 1).contiguous()

    def indices(self, map_: Image.Image) -> Tensor:
        """Palette or greyscale picture of class indices -> int64 (size, size), nearest neighbour."""
        return torch.from_numpy(np.array(self._cut(map_, Image.Resampling.NEAREST)).astype(np.int64))

    def _cut(self, picture: Image.Image, resampling: Image.Resampling) -> Image.Image:
        box = self.box(*picture.size)
        if picture.size == (self.size, self.size) and box == (0, 0, self.size, self.size):
            return picture
        if box[2] - box[0] == self.size:
            return picture.crop(box)
        # Cropping first keeps what lies outside the box from bleeding into its edge.
        return picture.crop(box).resize((self.size, self.size), resampling)
