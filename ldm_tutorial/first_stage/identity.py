"""No first stage at all: diffusion on pixels, the baseline that latent diffusion is measured against."""

import torch
from torch import Tensor, nn

from ldm_tutorial.nn import check_images, check_values


class IdentityFirstStage(nn.Module):
    """Latents are the images themselves, `(B, image_channels, H, W)` in [-1, 1]."""

    downsampling = 1
    scale = 1.0

    def __init__(self, image_channels: int = 3):
        super().__init__()
        self.latent_channels = image_channels

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:  # noqa: ARG002
        check_images(x, "images", self.latent_channels, 1)
        check_values(x, "images")
        return x

    def decode(self, z: Tensor) -> Tensor:
        check_images(z, "latents", self.latent_channels, 1)
        return z
