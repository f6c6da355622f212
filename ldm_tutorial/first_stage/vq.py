"""The VQ-regularised autoencoder: pixels <-> latents read off a codebook (Rombach et al. 2022, section 3.1)."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ldm_tutorial.first_stage.codebook import Codebook, Quantised
from ldm_tutorial.first_stage.config import KLConfig
from ldm_tutorial.first_stage.decoder import Decoder
from ldm_tutorial.first_stage.encoder import Encoder
from ldm_tutorial.nn import check_images


@dataclass(frozen=True)
class VQConfig(KLConfig):
    """The shape of a VQ autoencoder: the networks of `KLConfig` around a codebook. Defaults: vq-f4.

    `codes`: vectors in the codebook, each of `latent_channels` numbers. `commitment`: the weight beta of
    the loss that holds the encoder to its codes.
    """

    latent_channels: int = 3
    codes: int = 8192
    commitment: float = 0.25


class VQAutoencoder(nn.Module):
    """Images `(B, 3, H, W)` in [-1, 1] <-> latents `(B, c, H/f, W/f)` of zero mean and unit variance.

    The latents are those before quantisation, as in the original release: diffusion runs on continuous
    numbers, and `decode` first moves each vector to its nearest code, which removes what small errors the
    sampler has left. For training there are `latents`, `codebook` and `decode_unscaled`:

        quantised = model.codebook(model.latents(x))
        x_hat = model.decode_unscaled(quantised.z)
        loss = reconstruction(x_hat, x) + quantised.loss
    """

    def __init__(self, config: VQConfig):
        super().__init__()
        self.config = config
        c = config.latent_channels
        self.encoder = Encoder(config, out_channels=c)
        self.quant_conv = nn.Conv2d(c, c, 1)
        self.codebook = Codebook(config.codes, c, config.commitment)
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
        """One number for what `encode` multiplies by: 1 / rms(latent_std)."""
        return 1 / self.latent_std.float().square().mean().sqrt().item()

    @property
    def last_layer(self) -> nn.Parameter:
        """The weight at which the adversarial and the reconstruction gradient are balanced."""
        return self.decoder.conv_out.weight

    def latents(self, x: Tensor) -> Tensor:
        """Unscaled latents before quantisation. x `(B, 3, H, W)`; ValueError where its shape doesn't fit."""
        check_images(x, "images", self.config.image_channels, self.downsampling)
        return self.quant_conv(self.encoder(x))

    def decode_unscaled(self, z: Tensor) -> Tensor:
        """Images of unscaled latents, taken as they are. `(B, c, h, w)` -> `(B, 3, f h, f w)`"""
        check_images(z, "latents", self.latent_channels, 1)
        return self.decoder(self.post_quant_conv(z))

    def encode(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:  # noqa: ARG002
        """Standardised latents `(B, c, h, w)` before quantisation; no noise, so `generator` is unused."""
        return (self.latents(x) - self.latent_mean[:, None, None]) / self.latent_std[:, None, None]

    def quantise(self, z: Tensor) -> Quantised:
        """The nearest codes of standardised latents `(B, c, h, w)`; `.z` of the result is unscaled."""
        check_images(z, "latents", self.latent_channels, 1)
        return self.codebook(z * self.latent_std[:, None, None] + self.latent_mean[:, None, None])

    def decode(self, z: Tensor) -> Tensor:
        """Images `(B, 3, f h, f w)` of standardised latents `(B, c, h, w)`, quantised on the way."""
        return self.decode_unscaled(self.quantise(z).z)

    @torch.no_grad()
    def measure_scale(self, batches: Iterable[Tensor]) -> None:
        """Set `latent_mean` and `latent_std` to those of the latents of batches of images `(B, 3, H, W)`."""
        count, total, squares = 0, 0.0, 0.0
        for x in batches:
            z = self.latents(x.to(self.latent_mean)).transpose(0, 1).flatten(1).cpu().double()
            count += z.shape[1]
            total += z.sum(dim=1)
            squares += z.square().sum(dim=1)
        if not count:
            raise ValueError("batches is empty; the scale needs at least one batch of images")
        mean = total / count
        self.latent_mean.copy_(mean)
        self.latent_std.copy_((squares / count - mean.square()).sqrt())
