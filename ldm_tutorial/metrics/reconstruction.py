"""How close a picture is to the one it should be: PSNR, SSIM and perceptual distance, one number an image."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.first_stage import PerceptualLoss

SPAN = 2.0  # from the darkest to the brightest value of images in [-1, 1]


def psnr(images: Tensor, references: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB, 10 log10(span^2 / MSE): float32 (B,), infinite for equal images.

    Both (B, C, H, W) in [-1, 1]. Report the mean over images: the PSNR of the mean error is another number.
    Raises ValueError where the shapes differ.
    """
    check(images, references)
    error = (images.float() - references.float()).square().flatten(1).mean(1)
    return 10 * torch.log10(SPAN**2 / error)


def ssim(images: Tensor, references: Tensor, window: int = 11, sigma: float = 1.5) -> Tensor:
    """Structural similarity, 1 for equal images: float32 (B,) (Wang et al. 2004, equation 13).

    Both (B, C, H, W) in [-1, 1]; means, variances and the covariance around a pixel are weighted by a
    Gaussian of `window` pixels, and the similarities averaged over pixels and channels. Edges are mirrored,
    as in torchmetrics.
    Raises ValueError where the shapes differ or an image is smaller than the window.
    """
    check(images, references)
    if min(images.shape[-2:]) < window:
        raise ValueError(f"images are {tuple(images.shape[-2:])}; SSIM needs at least {window} pixels a side")
    # In [0, 1]: unlike a squared error, the similarity of two means depends on where black is.
    x, y = images.float() / 2 + 0.5, references.float() / 2 + 0.5
    c1, c2 = 0.01**2, 0.03**2  # keep the ratios finite where the picture is black, or flat
    mean_x, mean_y, xx, yy, xy = blur(torch.cat([x, y, x * x, y * y, x * y]), window, sigma).chunk(5)
    variances = (xx - mean_x**2).clamp(min=0) + (yy - mean_y**2).clamp(min=0)
    covariance = xy - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variances + c2)
    return (luminance * structure).flatten(1).mean(1)


@torch.no_grad()
def perceptual_distance(images: Tensor, references: Tensor, network: nn.Module | None = None) -> Tensor:
    """How different images look to a network that knows photographs, 0 for equal ones: float32 (B,).

    Both (B, 3, H, W) in [-1, 1]. `network`: a PerceptualLoss (default: a new one) or LPIPS, whose figures
    are others. Raises ValueError where the shapes differ.
    """
    check(images, references)
    network = network or PerceptualLoss().to(images.device)
    return network(images.float(), references.float())


def blur(x: Tensor, window: int, sigma: float) -> Tensor:
    """The Gaussian-weighted mean around every pixel of each channel. (B, C, H, W)"""
    distance = torch.arange(window, device=x.device) - (window - 1) / 2
    weights = torch.exp(-(distance**2) / (2 * sigma**2))
    weights = (weights / weights.sum()).expand(x.shape[1], 1, 1, -1)
    x = F.pad(x, [window // 2] * 4, mode="reflect")
    x = F.conv2d(x, weights, groups=x.shape[1])
    return F.conv2d(x, weights.transpose(-1, -2), groups=x.shape[1])


def check(images: Tensor, references: Tensor) -> None:
    if images.shape != references.shape or images.ndim != 4:
        shapes = f"{tuple(images.shape)} and {tuple(references.shape)}"
        raise ValueError(f"images and references have shapes {shapes}; both must be the same (B, C, H, W)")
