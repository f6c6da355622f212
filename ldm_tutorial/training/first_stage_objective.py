"""Training an autoencoder: reconstruct, keep the latents tame, and please a critic (paper section 3.1)."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ldm_tutorial.data import to_float
from ldm_tutorial.first_stage import (
    KLAutoencoder,
    VQAutoencoder,
    adaptive_weight,
    code_counts,
    hinge_d_loss,
    hinge_g_loss,
    perplexity,
    reconstruction_loss,
)
from ldm_tutorial.first_stage.losses import check_start


class FirstStageObjective(nn.Module):
    """Reconstruction + the bottleneck's penalty, over uint8 `pixels` (N, 3, H, W), and more if asked for.

    The penalty is kl_weight x KL, the codebook's loss, or nothing. For a KL autoencoder the original release
    sums all terms over an image; here all are divided by the number of pixel values, which leaves the same
    weights and makes the loss readable as an error per value. For a VQ autoencoder it averages, and so do we.
    `perceptual`: a distance of images, weighted by `perceptual_weight` and added to the error.
    `discriminator`: the second player. From `adversarial_start`, a fraction of the run, it learns to tell
    copies from images, and the autoencoder to have them taken for images, at `adversarial_weight` x the
    adaptive weight. It learns at `discriminator_rate` x the autoencoder's learning rate.
    `preview`: images (n, 3, H, W) in [-1, 1] that the strip shows above their reconstructions.
    """

    def __init__(
        self,
        model,
        images,
        preview: Tensor,
        kl_weight: float = 1e-6,
        norm: Literal["l1", "l2"] = "l1",
        perceptual: nn.Module | None = None,
        perceptual_weight: float = 1.0,
        discriminator: nn.Module | None = None,
        adversarial_weight: float = 0.5,
        adversarial_start: float = 0.0,
        discriminator_rate: float = 1.0,
    ):
        super().__init__()
        check_start(adversarial_start)
        self.model, self.images, self.preview = model, images, preview
        self.kl_weight, self.norm = kl_weight, norm
        self.perceptual, self.perceptual_weight = perceptual, perceptual_weight
        self.discriminator, self.adversarial_weight = discriminator, adversarial_weight
        self.adversarial_start, self.progress = adversarial_start, 0.0
        self.rates = {"discriminator": discriminator_rate}

    def __len__(self) -> int:
        return len(self.images)

    @property
    def players(self) -> dict[str, list[nn.Parameter]]:
        """Who trains which parameters."""
        players = {"generator": [p for p in self.model.parameters() if p.requires_grad]}
        if self.discriminator is not None:
            players["discriminator"] = list(self.discriminator.parameters())
        return players

    def fetch(self, indices: Tensor) -> dict:
        return {"pixels": self.images.pixels(indices)}

    def randomness(self, indices: Tensor, generator: torch.Generator) -> dict:
        size = self.preview.shape[-1] // self.model.downsampling
        shape = (len(indices), self.model.latent_channels, size, size)
        return {"noise": torch.randn(shape, generator=generator)}

    def forward(self, batch: dict):
        x, n = to_float(batch["pixels"]), len(batch["pixels"])
        z, penalty, logs = self.bottleneck(x, batch["noise"])
        copies = self.model.decode_unscaled(z)
        error = reconstruction_loss(copies, x, self.norm)
        logs |= {self.norm: error * n, "psnr": psnr_sum(copies, x)}
        if self.perceptual is not None:
            perceptual = self.perceptual(copies, x).mean()
            error = error + self.perceptual_weight * perceptual
            logs["perceptual"] = perceptual * n
        loss = error + penalty
        logs["loss"] = loss * n
        if self.discriminator is not None and self.progress >= self.adversarial_start:
            generator_loss, discriminator_loss, more = self.contest(x, copies, error)
            loss = loss + generator_loss + discriminator_loss  # each reaches its own player's parameters only
            logs |= {name: value * n for name, value in more.items()}
        return loss, {name: (total, n) for name, total in logs.items()}

    def bottleneck(self, x: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, dict]:
        """Unscaled latents as the decoder gets them, the penalty on them, and sums over images to report."""
        model, n = self.model, len(x)
        if isinstance(model, KLAutoencoder):
            posterior = model.posterior(x)
            kl = posterior.kl()
            z = posterior.mean + posterior.std * noise
            return z, self.kl_weight * kl.mean() / x[0].numel(), {"kl": kl.sum()}
        z = model.latents(x)
        if not isinstance(model, VQAutoencoder):
            return z, z.new_zeros(()), {}
        quantised = model.codebook(z)
        if model.codebook.training:
            model.codebook.learn(z.detach(), quantised.codes)
        used = perplexity(code_counts(quantised.codes, model.config.codes))
        return quantised.z, quantised.loss, {"codebook": quantised.loss * n, "perplexity": used * n}

    def contest(self, x: Tensor, copies: Tensor, error: Tensor) -> tuple[Tensor, Tensor, dict]:
        """What the autoencoder and what the discriminator minimise in their contest, and what to report.

        Their gradients don't mix: the first sees the discriminator with detached parameters, the second sees
        detached copies.
        """
        fixed = {name: p.detach() for name, p in self.discriminator.named_parameters()}
        adversarial = hinge_g_loss(functional_call(self.discriminator, fixed, (copies,)))
        # Without gradients (when a faulty layer is looked for) there is nothing to balance.
        balanced = torch.is_grad_enabled()
        weight = adaptive_weight(error, adversarial, self.model.last_layer) if balanced else 1.0
        real, fake = self.discriminator(x), self.discriminator(copies.detach())
        discriminator_loss = hinge_d_loss(real, fake)
        logs = {
            "adversarial": adversarial,
            "adaptive_weight": weight,
            "discriminator": discriminator_loss,
            "logits_real": real.mean(),
            "logits_fake": fake.mean(),
        }
        return self.adversarial_weight * weight * adversarial, discriminator_loss, logs

    @torch.no_grad()
    def strip(self) -> Tensor:
        x = self.preview.to(next(self.model.parameters()).device)
        return torch.cat([x, self.model.decode(self.model.encode(x)).clamp(-1, 1)])


def psnr_sum(copies: Tensor, x: Tensor) -> Tensor:
    """The sum of the images' PSNR. Images span 2, so the peak is 2 and its square 4."""
    mse = (copies - x).detach().float().square().flatten(1).mean(1)
    return (10 * torch.log10(4 / mse.clamp(min=1e-10))).sum()
