"""Training an autoencoder: reconstruct, and keep the latents tame (paper section 3.1)."""

import torch
from torch import Tensor, nn

from ldm_tutorial.data import to_float
from ldm_tutorial.first_stage import VQAutoencoder


class FirstStageObjective(nn.Module):
    """L1 reconstruction + kl_weight x KL, or + the codebook's loss, over uint8 `pixels` (N, 3, H, W).

    For a KL autoencoder the original release sums both terms over an image; here both are divided by
    the number of pixel values, which leaves the same weights and makes the loss readable as an error
    per value. For a VQ autoencoder it averages, and so do we.
    `preview`: images (n, 3, H, W) in [-1, 1] that the strip shows above their reconstructions.
    """

    def __init__(self, model, images, preview: Tensor, kl_weight: float = 1e-6):
        super().__init__()
        self.model, self.images, self.preview, self.kl_weight = model, images, preview, kl_weight

    def __len__(self) -> int:
        return len(self.images)

    def fetch(self, indices: Tensor) -> dict:
        return {"pixels": self.images.pixels(indices)}

    def randomness(self, indices: Tensor, generator: torch.Generator) -> dict:
        size = self.preview.shape[-1] // self.model.downsampling
        shape = (len(indices), self.model.latent_channels, size, size)
        return {"noise": torch.randn(shape, generator=generator)}

    def forward(self, batch: dict):
        x, n = to_float(batch["pixels"]), len(batch["pixels"])
        if isinstance(self.model, VQAutoencoder):
            quantised = self.model.codebook(self.model.latents(x))
            z, penalty, logs = quantised.z, quantised.loss, {"codebook": quantised.loss * n}
        else:
            posterior = self.model.posterior(x)
            z, kl = posterior.mean + posterior.std * batch["noise"], posterior.kl()
            penalty, logs = self.kl_weight * kl.mean() / x[0].numel(), {"kl": kl.sum()}
        error = (self.model.decode_unscaled(z) - x).float()
        l1 = error.abs().mean()
        loss = l1 + penalty
        mse = error.detach().square().flatten(1).mean(1)
        psnr = 10 * torch.log10(4 / mse.clamp(min=1e-10))  # images span 2, so the peak is 2 and its square 4
        logs |= {"loss": loss * n, "l1": l1 * n, "psnr": psnr.sum()}
        return loss, {name: (total, n) for name, total in logs.items()}

    @torch.no_grad()
    def strip(self) -> Tensor:
        x = self.preview.to(next(self.model.parameters()).device)
        if isinstance(self.model, VQAutoencoder):
            z = self.model.codebook(self.model.latents(x)).z
        else:
            z = self.model.posterior(x).mean
        return torch.cat([x, self.model.decode_unscaled(z).clamp(-1, 1)])
