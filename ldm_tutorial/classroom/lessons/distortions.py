"""What can happen to a picture, and pictures that all fit the same latent: material of lesson 03."""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_tutorial.classroom.pictures import rows
from ldm_tutorial.classroom.style import Picture
from ldm_tutorial.metrics.reconstruction import blur as gaussian


def blurred(x: Tensor, sigma: float) -> Tensor:
    """Images (B, 3, H, W) under a Gaussian blur of standard deviation `sigma` pixels."""
    return gaussian(x, window=2 * math.ceil(3 * sigma) + 1, sigma=sigma)


def noisy(x: Tensor, std: float, seed: int = 0) -> Tensor:
    """Images with Gaussian noise of standard deviation `std` (black and white are 2 apart)."""
    return x + std * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))


def shifted(x: Tensor, right: int, down: int = 0) -> Tensor:
    """Images moved by whole pixels; what comes in at the edge repeats the edge."""
    reach = max(abs(right), abs(down))
    padded = F.pad(x, [reach] * 4, mode="replicate")
    height, width = x.shape[-2:]
    return padded[..., reach - down : reach - down + height, reach - right : reach - right + width]


def moved(x: Tensor, right: float) -> Tensor:
    """Images moved to the right; by a part of a pixel, two neighbours are mixed."""
    whole = math.floor(right)
    return torch.lerp(shifted(x, whole), shifted(x, whole + 1), right - whole)


def darker(x: Tensor, by: float) -> Tensor:
    """Images with the same number taken from every value (black and white are 2 apart)."""
    return x - by


STRONGEST = {moved: 4.0, darker: 2.0, blurred: 8.0, noisy: 2.0}  # beyond what any target here needs


def at_error(x: Tensor, distort: Callable[[Tensor, float], Tensor], mse: Tensor | float) -> Tensor:
    """Images (B, 3, H, W), each distorted until its mean squared error is `mse`, (B,) or one for all.

    distort: one of STRONGEST. Its strength is found by halving. What is compared is what can be shown: values
    are kept in [-1, 1].
    """
    found = []
    for image, target in zip(x[:, None], torch.as_tensor(mse).expand(len(x)), strict=True):
        low, high = 0.0, STRONGEST[distort]
        for _ in range(16):
            middle = (low + high) / 2
            changed = distort(image, middle).clamp(-1, 1)
            low, high = (middle, high) if (changed - image).square().mean() < target else (low, middle)
        found.append(changed)
    return torch.cat(found)


def everywhere(x: Tensor, reach: int = 1) -> Tensor:
    """One image (3, H, W) moved to all places up to `reach` pixels away: ((2 reach + 1)^2, 3, H, W)."""
    steps = range(-reach, reach + 1)
    return torch.cat([shifted(x[None], right, down) for down in steps for right in steps])


def crops(x: Tensor, top: int, left: int, side: int) -> Tensor:
    """The square of `side` pixels at (top, left) of every image (B, 3, H, W)."""
    return x[..., top : top + side, left : left + side]


def enlarged(named: dict[str, Tensor], corners: list[tuple[int, int]], side: int, title: str) -> Picture:
    """For each name a row of details: of image i the square of `side` pixels at corners[i], drawn large."""
    details = {
        name: torch.cat([crops(image[None], *corner, side) for image, corner in zip(x, corners, strict=True)])
        for name, x in named.items()
    }
    return rows(details, title=title)


def receptive_field(network: torch.nn.Module) -> int:
    """Side of the square of pixels that one output of a chain of convolutions sees."""
    seen, jump = 1, 1
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            seen += (layer.kernel_size[0] - 1) * jump
            jump *= layer.stride[0]
    return seen
