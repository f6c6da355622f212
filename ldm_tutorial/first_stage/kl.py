"""The KL-regularised autoencoder: pixels <-> latents (Rombach et al. 2022, section 3.1 and appendix G)."""

import torch
from torch import Tensor

from ldm_tutorial.first_stage.autoencoder import Autoencoder
from ldm_tutorial.first_stage.config import KLConfig
from ldm_tutorial.first_stage.gaussian import DiagonalGaussian


class KLAutoencoder(Autoencoder):
    """Images `(B, 3, H, W)` in [-1, 1] <-> latents `(B, c, H/f, W/f)` of zero mean and unit variance.

    `posterior` and `decode_unscaled` speak the latents that the networks speak, for training; `encode` and
    `decode` standardise them with `latent_mean` and `latent_std`, which `measure_scale` sets after training.
    With `stem=1` it is Stable Diffusion's first stage.
    """

    def __init__(self, config: KLConfig):
        super().__init__(config, features=2 * config.latent_channels)

    def posterior(self, x: Tensor) -> DiagonalGaussian:
        """q(z | x) over unscaled latents. x `(B, 3, H, W)`; ValueError where its shape doesn't fit."""
        mean, logvar = self.features(x).chunk(2, dim=1)
        return DiagonalGaussian(mean, logvar.clamp(-30, 20))

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        posterior = self.posterior(x)
        return posterior.mean, posterior.logvar.exp()

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Standardised latents `(B, c, h, w)`: the posterior's mean, or with a generator a sample of it."""
        posterior = self.posterior(x)
        return self.standardise(posterior.sample(generator) if generator else posterior.mode())

    def decode(self, z: Tensor) -> Tensor:
        """Images `(B, 3, f h, f w)` of standardised latents `(B, c, h, w)`."""
        return self.decode_unscaled(self.unstandardise(z))
