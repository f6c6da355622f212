"""What can happen to a picture, and pictures that all fit the same latent: material of lesson 03."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_tutorial.classroom.pictures import rows
from ldm_tutorial.classroom.style import Picture
from ldm_tutorial.metrics.reconstruction import blur as gaussian


def blurred(x: Tensor, sigma: float) -> Tensor:
    """Images (B, 3, H, W) under a Gaussian blur of standard deviation `sigma` pixels."""
    return gaussian(x, window=13, sigma=sigma)


def noisy(x: Tensor, std: float, seed: int = 0) -> Tensor:
    """Images with Gaussian noise of standard deviation `std` (black and white are 2 apart)."""
    return x + std * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))


def shifted(x: Tensor, right: int, down: int = 0) -> Tensor:
    """Images moved by whole pixels; what comes in at the edge repeats the edge."""
    reach = max(abs(right), abs(down))
    padded = F.pad(x, [reach] * 4, mode="replicate")
    height, width = x.shape[-2:]
    return padded[..., reach - down : reach - down + height, reach - right : reach - right + width]


def at_error(x: Tensor, distorted: Tensor, mse: Tensor | float) -> Tensor:
    """A distortion made stronger or weaker until each image's mean squared error is `mse`."""
    change = distorted - x
    return x + change * (mse / change.square().mean((1, 2, 3), keepdim=True)).sqrt()


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
