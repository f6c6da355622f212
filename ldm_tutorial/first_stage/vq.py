"""The VQ-regularised autoencoder: pixels <-> latents that are read off a codebook.

Rombach et al. 2022, section 3.1 and appendix G.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ldm_tutorial.first_stage.autoencoder import Autoencoder
from ldm_tutorial.first_stage.codebook import Codebook, Quantised
from ldm_tutorial.first_stage.config import KLConfig


@dataclass(frozen=True)
class VQConfig(KLConfig):
    """The shape of a VQ autoencoder: the networks of `KLConfig` around a codebook; the defaults are vq-f4.

    `codes`: vectors in the codebook, each of `latent_channels` numbers.
    `commitment`: beta, the weight of the loss that holds the encoder to its codes.
    """

    latent_channels: int = 3
    codes: int = 8192
    commitment: float = 0.25


class VQAutoencoder(Autoencoder):
    """Images `(B, 3, H, W)` in [-1, 1] <-> latents `(B, c, H/f, W/f)` of zero mean and unit variance.

    The latents are those before quantisation, as in the original release: diffusion runs on continuous
    numbers, and `decode` first moves every vector to its nearest code, which takes small errors of the
    sampler with it. Training needs the steps one by one, in unscaled latents:

        quantised = model.codebook(model.latents(x))
        loss = reconstruction(model.decode_unscaled(quantised.z), x) + quantised.loss
    """

    def __init__(self, config: VQConfig):
        super().__init__(config, features=config.latent_channels)
        self.codebook = Codebook(config.codes, config.latent_channels, config.commitment)

    def latents(self, x: Tensor) -> Tensor:
        """Unscaled latents `(B, c, h, w)` before quantisation; ValueError where x's shape doesn't fit."""
        return self.features(x)

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.latents(x)
        return z, torch.zeros_like(z)

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:  # noqa: ARG002
        """Standardised latents `(B, c, h, w)` before quantisation; no noise, so `generator` is unused."""
        return self.standardise(self.latents(x))

    def quantise(self, z: Tensor) -> Quantised:
        """The nearest codes of standardised latents `(B, c, h, w)`; `.z` of the result is unscaled."""
        return self.codebook(self.unstandardise(z))

    def decode(self, z: Tensor) -> Tensor:
        """Images `(B, 3, f h, f w)` of standardised latents `(B, c, h, w)`, quantised on the way."""
        return self.decode_unscaled(self.quantise(z).z)
