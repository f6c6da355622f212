"""Codes as pictures, for lesson 02: maps of indices in colour, and a whole dictionary at a glance."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from ldm_tutorial.data import to_uint8


def code_colours(vectors: Tensor) -> Tensor:
    """A colour for each of K codes, uint8 (K, 3), alike where their vectors (K, d) are.

    The three directions in which the codes differ most become red, green and blue; for d >= 3.
    """
    centred = (vectors - vectors.mean(0)).double()
    axes = torch.linalg.eigh(centred.T @ centred).eigenvectors.flip(1)[:, :3]
    axes = axes * axes.sum(0).sign()  # an axis may point either way: this fixes the one
    along = centred @ axes
    low, high = along.quantile(0.02, dim=0), along.quantile(0.98, dim=0)
    return (255 * ((along - low) / (high - low)).clamp(0, 1)).round().to(torch.uint8)


def code_map(codes: Tensor, colours: Tensor, size: int = 64) -> Tensor:
    """Code indices (B, h, w) as pictures, uint8 (B, 3, size, size): each code a square of its colour."""
    painted = rearrange(colours[codes], "b h w c -> b c h w").float()
    return F.interpolate(painted, size=size, mode="nearest").to(torch.uint8)


def mosaic(tiles: Tensor, columns: int, scale: int = 2, gap: int = 1) -> Tensor:
    """Tiles (N, 3, p, p) in [-1, 1] in reading order as one picture, uint8 (3, H, W), white between them."""
    missing = -len(tiles) % columns
    tiles = F.pad(tiles, (0, gap, 0, gap), value=1.0)
    tiles = torch.cat([tiles, tiles.new_ones(missing, *tiles.shape[1:])])
    page = rearrange(tiles, "(r k) c h w -> c (r h) (k w)", k=columns)
    return to_uint8(page).repeat_interleave(scale, 1).repeat_interleave(scale, 2)


def to_patches(images: Tensor, size: int = 4) -> Tensor:
    """Images (B, 3, H, W) cut into patches: (B, 3 size^2, H/size, W/size). An encoder without weights."""
    return F.pixel_unshuffle(images, size)


def to_images(patches: Tensor, size: int = 4) -> Tensor:
    """The inverse of `to_patches`."""
    return F.pixel_shuffle(patches, size)
