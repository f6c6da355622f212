"""Images as conditions: a small one to enlarge, one with a hole to fill, edges to colour."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ImageConfig:
    """Side and channels of an image. `hide`: the share of the training images in which a box is hidden."""

    size: int = 64
    channels: int = 3
    hide: float = 0.0

    def __post_init__(self):
        if not 0 <= self.hide <= 1:
            raise ValueError(f"hide is {self.hide}; it is a share between 0 and 1")


class ImageConditioner(nn.Module):
    """Images to (B, channels + 1, size, size): pixels, 0 where unknown, and a channel that is 1 where known.

    Unknown everywhere is the null condition. With a hole it asks for inpainting, from a smaller image for
    super-resolution (Rombach et al. 2022, sections 4.4 and 4.5).
    """

    def __init__(self, config: ImageConfig):
        super().__init__()
        self.config = config

    @property
    def channels(self) -> int:
        return self.config.channels + 1

    @property
    def null_tokens(self) -> Tensor:
        """The image (channels + 1, size, size) of which nothing is known, on the CPU."""
        return torch.zeros(self.channels, self.config.size, self.config.size, dtype=torch.uint8)

    def tokenize(self, conditions: Sequence[Tensor | tuple[Tensor, Tensor]]) -> Tensor:
        """Images to uint8 (B, channels + 1, size, size) on the CPU.

        An image is (channels, h, w), uint8 or float in [-1, 1], of this size or of one that divides it: then
        it is enlarged. With a mask, (image, known) with known (h, w) True where the image may be looked at.
        Raises ValueError for another shape.
        """
        rows = [self.row(*each) if isinstance(each, tuple) else self.row(each) for each in conditions]
        return torch.stack(rows) if rows else self.null_tokens[None][:0]

    def row(self, image: Tensor, known: Tensor | None = None) -> Tensor:
        size, channels = self.config.size, self.config.channels
        fits = image.ndim == 3 and len(image) == channels and image.shape[1] == image.shape[2]
        if not fits or size % image.shape[1]:
            raise ValueError(
                f"image has shape {tuple(image.shape)}; this model reads ({channels}, {size}, {size}), or "
                f"squares of a side that divides {size}"
            )
        if known is not None and known.shape != image.shape[1:]:
            raise ValueError(f"known has shape {tuple(known.shape)} for an image of {tuple(image.shape[1:])}")
        image = image.cpu()
        if image.is_floating_point():
            image = image.float().add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
        known = torch.ones(image.shape[1:], dtype=torch.bool) if known is None else known.cpu().bool()
        row = torch.cat([image * known, 255 * known[None].to(torch.uint8)])
        factor = size // image.shape[1]
        return row.repeat_interleave(factor, 1).repeat_interleave(factor, 2)

    def hide(self, tokens: Tensor, generator: torch.Generator) -> Tensor:
        """For training: a box, of 1/4 to 3/4 of each side, hidden in a share `config.hide` of the images."""
        draw = torch.rand((len(tokens), 5), generator=generator, device=generator.device).to(tokens.device)
        places = (torch.arange(self.config.size, device=tokens.device) + 0.5) / self.config.size
        within = []
        for position, length in ((draw[:, 1:2], draw[:, 2:3]), (draw[:, 3:4], draw[:, 4:5])):
            length = 0.25 + 0.5 * length
            start = position * (1 - length)
            within.append((start <= places) & (places < start + length))  # (B, size)
        box = within[0][:, None, :, None] & within[1][:, None, None, :]
        return tokens.masked_fill(box & (draw[:, 0] < self.config.hide)[:, None, None, None], 0)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: uint8 (B, channels + 1, size, size) -> float32 of the same shape."""
        known = tokens[:, -1:].float() / 255
        return torch.cat([(tokens[:, :-1].float() / 127.5 - 1) * known, known], dim=1)


def edges_of(images: Tensor, threshold: float = 0.25) -> Tensor:
    """Where an image changes: uint8 (N, 3, H, W) -> uint8 (N, 1, H, W), 255 on edges and 0 elsewhere.

    The length of the Sobel gradient of the brightness, of which black to white has 1, above `threshold`.
    """
    grey = images.float().mean(1, keepdim=True) / 255
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]], device=images.device) / 4
    kernels = torch.stack([across, across.T])[:, None]
    gradient = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), kernels).norm(dim=1, keepdim=True)
    return (255 * (gradient > threshold)).to(torch.uint8)


def lowered(images: Tensor, factor: int) -> Tensor:
    """The mean of every factor x factor pixels: uint8 (N, 3, H, W) -> uint8 (N, 3, H/factor, W/factor)."""
    return F.avg_pool2d(images.float(), factor).round().to(torch.uint8)
