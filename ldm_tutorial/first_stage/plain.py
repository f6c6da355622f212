"""An autoencoder without regularisation: whatever latents reconstruct best.

Its latents need not fill their space evenly: between and beyond those of images, nothing was ever decoded.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ldm_tutorial.first_stage.autoencoder import Autoencoder
from ldm_tutorial.first_stage.config import KLConfig


@dataclass(frozen=True)
class PlainConfig(KLConfig):
    """The shape of an autoencoder with the networks of `KLConfig` and nothing between them."""


class PlainAutoencoder(Autoencoder):
    """Images `(B, 3, H, W)` in [-1, 1] <-> latents `(B, c, H/f, W/f)` of zero mean and unit variance."""

    def __init__(self, config: PlainConfig):
        super().__init__(config, features=config.latent_channels)

    def latents(self, x: Tensor) -> Tensor:
        """Unscaled latents `(B, c, h, w)`; ValueError where x's shape doesn't fit."""
        return self.features(x)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.latents(x)
        return z, torch.zeros_like(z)

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:  # noqa: ARG002
        """Standardised latents `(B, c, h, w)`; there is no noise in them, so `generator` is unused."""
        return self.standardise(self.latents(x))

    def decode(self, z: Tensor) -> Tensor:
        """Images `(B, 3, f h, f w)` of standardised latents `(B, c, h, w)`."""
        return self.decode_unscaled(self.unstandardise(z))
