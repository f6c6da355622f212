"""What the autoencoders of the first stage share: the two networks, and latents of unit variance."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ldm_tutorial.first_stage.config import KLConfig
from ldm_tutorial.first_stage.decoder import Decoder
from ldm_tutorial.first_stage.encoder import Encoder
from ldm_tutorial.nn import check_images, check_values


class Autoencoder(nn.Module):
    """Encoder, decoder, and the mean and standard deviation of what lies between them.

    The networks speak unscaled latents; `standardise` and `unstandardise` stand between these and the latents
    of zero mean and unit variance that diffusion runs on. Subclasses give `encode`, `decode` and `moments`.
    `features`: channels that the encoder gives for `config.latent_channels` latent channels.
    """

    def __init__(self, config: KLConfig, features: int):
        super().__init__()
        self.config = config
        c = config.latent_channels
        self.encoder = Encoder(config, out_channels=features)
        self.quant_conv = nn.Conv2d(features, features, 1)
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

    def features(self, x: Tensor) -> Tensor:
        """What the encoder gives for images `(B, 3, H, W)`; ValueError where they don't fit."""
        check_images(x, "images", self.config.image_channels, self.downsampling)
        check_values(x, "images")
        return self.quant_conv(self.encoder(x))

    def decode_unscaled(self, z: Tensor) -> Tensor:
        """Images of unscaled latents, taken as they are. `(B, c, h, w)` -> `(B, 3, f h, f w)`"""
        check_images(z, "latents", self.latent_channels, 1)
        return self.decoder(self.post_quant_conv(z))

    def standardise(self, z: Tensor) -> Tensor:
        return (z - self.latent_mean[:, None, None]) / self.latent_std[:, None, None]

    def unstandardise(self, z: Tensor) -> Tensor:
        check_images(z, "latents", self.latent_channels, 1)
        return z * self.latent_std[:, None, None] + self.latent_mean[:, None, None]

    def moments(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of the unscaled latents of images `(B, 3, H, W)`; both `(B, c, h, w)`."""
        raise NotImplementedError

    @torch.no_grad()
    def measure_scale(self, batches: Iterable[Tensor]) -> None:
        """Set `latent_mean` and `latent_std` to those of the latents of batches of images `(B, 3, H, W)`.

        What noise the latents have is integrated exactly: E[z] = E[mean], E[z^2] = E[mean^2 + var].
        """
        count, total, squares = 0, 0.0, 0.0
        for x in batches:
            mean, var = (
                m.transpose(0, 1).flatten(1).cpu().double() for m in self.moments(x.to(self.latent_mean))
            )
            count += mean.shape[1]
            total += mean.sum(dim=1)
            squares += (mean.square() + var).sum(dim=1)
        if not count:
            raise ValueError("batches is empty; the scale needs at least one batch of images")
        mean = total / count
        self.latent_mean.copy_(mean)
        self.latent_std.copy_((squares / count - mean.square()).sqrt())
