"""Training the second stage: predict the noise (or x0, or v) in latents of every noise level."""

import torch
from torch import Tensor, nn

from ldm_tutorial.conditioning import ConditionDropout, Tokens, each_part
from ldm_tutorial.diffusion import min_snr_weight
from ldm_tutorial.latent_diffusion import LatentDiffusion

LEVELS = 10  # bins of t in which the loss is reported


class DiffusionObjective(nn.Module):
    """The simple loss over cached `latents` (N, c, h, w) and their conditions' `tokens` (N, ...) or None.

    `drop_rate` of the images in a batch learn the null condition. `wishes` are what the strip draws.
    The first stage is frozen: it appears here only to decode the strip.
    """

    def __init__(
        self,
        model: LatentDiffusion,
        latents: Tensor,
        tokens: Tokens | None,
        drop_rate,
        loss="l2",
        wishes=None,
        min_snr_gamma: float | None = None,
    ):
        super().__init__()
        self.model, self.latents, self.tokens, self.wishes = model, latents, tokens, wishes
        self.loss = loss
        self.weights = None  # (T,), of the loss at each timestep; what is logged stays unweighted
        if min_snr_gamma is not None:
            self.weights = min_snr_weight(model.schedule.snr, model.config.prediction, min_snr_gamma)
        self.dropout = ConditionDropout(drop_rate)
        model.first_stage.requires_grad_(False).eval()

    def __len__(self) -> int:
        return len(self.latents)

    def randomness(self, indices: Tensor, generator: torch.Generator) -> dict:
        """Noise, timesteps and what the network is told of the images `indices`; the rest is fetched."""
        n = len(indices)
        random = {
            "noise": torch.randn((n, *self.model.latent_shape), generator=generator),
            "t": torch.randint(self.model.schedule.T, (n,), generator=generator),
        }
        if self.tokens is not None:
            tokens, conditioner = each_part(lambda part: part[indices], self.tokens), self.model.conditioner
            if hasattr(conditioner, "hide"):
                tokens = conditioner.hide(tokens, generator)
            tokens = self.dropout(tokens, conditioner.null_tokens, generator)
            if isinstance(tokens, dict):  # a batch is flat
                random |= {f"tokens.{name}": part for name, part in tokens.items()}
            else:
                random["tokens"] = tokens
        return random

    def fetch(self, indices: Tensor) -> dict:
        return {"z": self.latents[indices].float()}

    def forward(self, batch: dict):
        tokens = batch.get("tokens")
        if isinstance(self.tokens, dict):
            tokens = {name: batch[f"tokens.{name}"] for name in self.tokens}
        each = self.model.loss(batch["z"], tokens, batch["t"], batch["noise"], self.loss)
        if self.weights is None:
            loss = each.mean()
        else:
            loss = (each * self.model.schedule.gather(self.weights, batch["t"], each)).mean()
        level = torch.nn.functional.one_hot(batch["t"] * LEVELS // self.model.schedule.T, LEVELS).to(
            each.dtype
        )
        logs = {
            "loss": (each.sum(), len(each)),
            "loss_by_level": ((level * each.detach()[:, None]).sum(0), level.sum(0)),
        }
        return loss, logs

    @torch.no_grad()
    def strip(self) -> Tensor:
        n = 8 if self.wishes is None else len(self.wishes)
        return self.model.sample(self.wishes, n=n, steps=20, guidance_scale=2.0, seed=0)
