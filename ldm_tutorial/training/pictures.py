"""Grids of images as PNG files."""

from pathlib import Path

import torch
from PIL import Image

from ldm_tutorial.data import to_uint8
from ldm_tutorial.training.atomic import atomic_file


def grid(images: torch.Tensor, columns: int = 8, gap: int = 2) -> torch.Tensor:
    """(N, 3, H, W) in [-1, 1] to one uint8 picture (3, rows x H, columns x W) with white gaps."""
    images = to_uint8(images.detach().float().cpu())
    n, _, height, width = images.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    size = (3, rows * (height + gap) - gap, columns * (width + gap) - gap)
    canvas = torch.full(size, 255, dtype=torch.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        canvas[:, top : top + height, left : left + width] = image
    return canvas


def save_strip(images: torch.Tensor, path: Path, columns: int = 8):
    """Write a grid of (N, 3, H, W) images in [-1, 1] as a PNG."""
    with atomic_file(path) as temporary:
        Image.fromarray(grid(images, columns).permute(1, 2, 0).numpy()).save(temporary, format="PNG")
