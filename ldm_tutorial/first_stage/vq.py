"""The VQ-regularised autoencoder: pixels <-> latents that are read off a codebook.

Rombach et al. 2022, section 3.1 and appendix G.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ldm_tutorial.first_stage.codebook import Codebook, Quantised, code_counts
from ldm_tutorial.first_stage.config import KLConfig
from ldm_tutorial.first_stage.plain import PlainAutoencoder


@dataclass(frozen=True)
class VQConfig(KLConfig):
    """The shape of a VQ autoencoder: the networks of `KLConfig` around a codebook; the defaults are vq-f4.

    `codes`: vectors in the codebook, each of `latent_channels` numbers.
    `commitment`: beta, the weight of the loss that holds the encoder to its codes.
    `ema_decay`: None lets the codes learn by gradient; with a number they are averages of their latents.
    `restart`: codes chosen less often than this share of the average are moved onto latents; 0 is never.
    """

    latent_channels: int = 3
    codes: int = 8192
    commitment: float = 0.25
    ema_decay: float | None = None
    restart: float = 0.0


class VQAutoencoder(PlainAutoencoder):
    """Images `(B, 3, H, W)` in [-1, 1] <-> latents `(B, c, H/f, W/f)` of zero mean and unit variance.

    The latents are those before quantisation, as in the original release: diffusion runs on continuous
    numbers, and `decode` first moves every vector to its nearest code, which takes small errors of the
    sampler with it. Training needs the steps one by one, in unscaled latents:

        quantised = model.codebook(model.latents(x))
        loss = reconstruction(model.decode_unscaled(quantised.z), x) + quantised.loss
        model.codebook.learn(model.latents(x), quantised.codes)    # what it learns without gradients
    """

    def __init__(self, config: VQConfig):
        super().__init__(config)
        self.codebook = Codebook(
            config.codes, config.latent_channels, config.commitment, config.ema_decay, config.restart
        )

    def quantise(self, z: Tensor) -> Quantised:
        """The nearest codes of standardised latents `(B, c, h, w)`; `.z` of the result is unscaled."""
        return self.codebook(self.unstandardise(z))

    def decode(self, z: Tensor) -> Tensor:
        """Images `(B, 3, f h, f w)` of standardised latents `(B, c, h, w)`, quantised on the way."""
        return self.decode_unscaled(self.quantise(z).z)

    def encode_codes(self, x: Tensor) -> Tensor:
        """The code indices of images `(B, 3, H, W)`: int64 `(B, h, w)`."""
        return self.codebook(self.latents(x)).codes

    def decode_codes(self, codes: Tensor) -> Tensor:
        """Images `(B, 3, f h, f w)` of code indices, int64 `(B, h, w)`."""
        return self.decode_unscaled(self.codebook.look_up(codes))

    @torch.no_grad()
    def count_codes(self, batches: Iterable[Tensor]) -> Tensor:
        """How often each code occurs in batches of images `(B, 3, H, W)`, such as an epoch: int64 `(K,)`.

        For `usage` and `perplexity`.
        """
        counts = torch.zeros(self.config.codes, dtype=torch.int64, device=self.codebook.weight.device)
        for x in batches:
            counts += code_counts(self.encode_codes(x.to(self.codebook.weight)), len(counts))
        return counts
