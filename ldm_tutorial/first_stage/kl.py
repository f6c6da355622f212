"""The KL-regularised autoencoder: pixels <-> latents (Rombach et al. 2022, section 3.1 and appendix G)."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ldm_tutorial.first_stage.config import KLConfig
from ldm_tutorial.first_stage.decoder import Decoder
from ldm_tutorial.first_stage.encoder import Encoder
from ldm_tutorial.first_stage.gaussian import DiagonalGaussian
from ldm_tutorial.nn import check_images


class KLAutoencoder(nn.Module):
    """Images `(B, 3, H, W)` in [-1, 1] <-> latents `(B, c, H/f, W/f)` of zero mean and unit variance.

    `posterior` and `decode_unscaled` speak the latents that the networks speak, for training; `encode` and
    `decode` standardise them with `latent_mean` and `latent_std`, which `measure_scale` sets after training.
    With `stem=1` it is Stable Diffusion's first stage.
    """

    def __init__(self, config: KLConfig):
        super().__init__()
        self.config = config
        c = config.latent_channels
        self.encoder = Encoder(config, out_channels=2 * c)
        self.quant_conv = nn.Conv2d(2 * c, 2 * c, 1)
        self.post_quant_conv = nn.Conv2d(c, c, 1)
        self.decoder = Decoder(config)
        self.register_buffer("latent_mean", torch.zeros(c))
        self.register_buffer("latent_std", torch.ones(c))

    @property
    def latent_channels(self) -> int:
        return self.config.latent_channels

    @property
    def downsampling(self) -> int:
        return self.config.downsampling

    @property
    def scale(self) -> float:
        """One number for what `encode` multiplies by: 1 / rms(latent_std); 0.18215 for Stable Diffusion."""
        return 1 / self.latent_std.float().square().mean().sqrt().item()

    @property
    def last_layer(self) -> nn.Parameter:
        """The weight at which the adversarial and the reconstruction gradient are balanced."""
        return self.decoder.conv_out.weight

    def posterior(self, x: Tensor) -> DiagonalGaussian:
        """q(z | x) over unscaled latents. x `(B, 3, H, W)`; ValueError where its shape doesn't fit."""
        check_images(x, "images", self.config.image_channels, self.downsampling)
        mean, logvar = self.quant_conv(self.encoder(x)).chunk(2, dim=1)
        return DiagonalGaussian(mean, logvar.clamp(-30, 20))

    def decode_unscaled(self, z: Tensor) -> Tensor:
        """Images of unscaled latents. `(B, c, h, w)` -> `(B, 3, f h, f w)`"""
        check_images(z, "latents", self.latent_channels, 1)
        return self.decoder(self.post_quant_conv(z))

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Standardised latents `(B, c, h, w)`: the posterior's mean, or with a generator a sample of it."""
        posterior = self.posterior(x)
        z = posterior.sample(generator) if generator else posterior.mode()
        return (z - self.latent_mean[:, None, None]) / self.latent_std[:, None, None]

    def decode(self, z: Tensor) -> Tensor:
        """Images `(B, 3, f h, f w)` of standardised latents `(B, c, h, w)`."""
        return self.decode_unscaled(z * self.latent_std[:, None, None] + self.latent_mean[:, None, None])

    @torch.no_grad()
    def measure_scale(self, batches: Iterable[Tensor]) -> None:
        """Set `latent_mean` and `latent_std` to those of posterior samples, given batches `(B, 3, H, W)`.

        The noise of the posterior is integrated exactly: E[z] = E[mean], E[z^2] = E[mean^2 + var].
        """
        count, total, squares = 0, 0.0, 0.0
        for x in batches:
            posterior = self.posterior(x.to(self.latent_mean))
            mean, var = (
                m.transpose(0, 1).flatten(1).cpu().double() for m in (posterior.mean, posterior.logvar.exp())
            )
            count += mean.shape[1]
            total += mean.sum(dim=1)
            squares += (mean.square() + var).sum(dim=1)
        if not count:
            raise ValueError("batches is empty; the scale needs at least one batch of images")
        mean = total / count
        self.latent_mean.copy_(mean)
        self.latent_std.copy_((squares / count - mean.square()).sqrt())
