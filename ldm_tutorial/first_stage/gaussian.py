"""The Gaussian that an encoder gives for an image."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class DiagonalGaussian:
    """N(mean, diag(exp(logvar))) over latents; both `(B, c, h, w)` or `(B, d)`. Kingma & Welling 2014."""

    mean: Tensor
    logvar: Tensor

    @property
    def std(self) -> Tensor:
        return torch.exp(0.5 * self.logvar)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """mean + std * noise, the reparametrisation that lets gradients pass. `(B, c, h, w)`"""
        device = generator.device if generator else self.mean.device
        noise = torch.randn(self.mean.shape, generator=generator, device=device)
        return self.mean + self.std * noise.to(self.mean)

    def mode(self) -> Tensor:
        """The likeliest latent, which is the mean. `(B, c, h, w)`"""
        return self.mean

    def kl(self) -> Tensor:
        """KL(self || N(0, I)) of each latent in nats: 1/2 sum(mean^2 + var - 1 - log var). float32 `(B,)`"""
        mean, logvar = self.mean.float(), self.logvar.float()
        return 0.5 * (mean.square() + logvar.exp() - 1 - logvar).flatten(1).sum(1)
