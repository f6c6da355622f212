"""Latent diffusion, the whole system (Rombach et al. 2022, arXiv:2112.10752).

    image x --first stage--> latent z --noise--> z_t --U-Net(z_t, t, context)--> prediction --> loss
    noise --sampler(U-Net, guidance)--> z --first stage--> image x

With no first stage the same class is diffusion on pixels: the baseline differs by one line of its config.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ldm_tutorial.conditioning import (
    AttributeConditioner,
    AttributeConfig,
    CaptionConditioner,
    CaptionConfig,
    Condition,
)
from ldm_tutorial.diffusion import DDIM, Sampler, guide, noise_schedule, seeded_generators, seeded_noise
from ldm_tutorial.first_stage import (
    IdentityFirstStage,
    KLAutoencoder,
    KLConfig,
    PlainAutoencoder,
    PlainConfig,
    VQAutoencoder,
    VQConfig,
)
from ldm_tutorial.unet import UNet, UNetConfig


@dataclass(frozen=True)
class ScheduleConfig:
    """Defaults: what the paper's f = 4 models use."""

    name: Literal["linear", "scaled_linear", "cosine"] = "scaled_linear"
    timesteps: int = 1000
    beta_start: float = 0.0015
    beta_end: float = 0.0195


@dataclass(frozen=True)
class LatentDiffusionConfig:
    """Everything that fixes the shapes and the meaning of the weights."""

    image_size: int
    first_stage: KLConfig | VQConfig | PlainConfig | None  # None: the latents are the pixels
    unet: UNetConfig
    conditioner: CaptionConfig | AttributeConfig | None
    schedule: ScheduleConfig = ScheduleConfig()
    prediction: Literal["epsilon", "x0", "v"] = "epsilon"


class LatentDiffusion(nn.Module):
    """First stage, U-Net and conditioner, with the loss that trains them and the loop that samples."""

    def __init__(self, config: LatentDiffusionConfig):
        super().__init__()
        self.config = config
        self.first_stage = build_first_stage(config.first_stage)
        self.unet = UNet(config.unet)
        self.conditioner = build_conditioner(config.conditioner)
        s = config.schedule
        self.schedule = noise_schedule(s.name, s.timesteps, s.beta_start, s.beta_end)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(c, h, w) of one latent."""
        side = self.config.image_size // self.first_stage.downsampling
        return self.first_stage.latent_channels, side, side

    def loss(self, z: Tensor, tokens: Tensor | None, t: Tensor, noise: Tensor, norm: str = "l2") -> Tensor:
        """Error of the prediction, per image: z, noise (B, c, h, w), tokens (B, M), t (B,) -> (B,).

        With epsilon prediction and the squared error this is equation 2 of the paper, and 3 with a condition.
        """
        z_t = self.schedule.add_noise(z, noise, t)
        condition = None if tokens is None else self.conditioner(tokens)
        target = self.schedule.target(z, noise, t, self.config.prediction)
        error = self.denoise(z_t, t, condition).float() - target.float()
        return (error.square() if norm == "l2" else error.abs()).flatten(1).mean(1)

    def denoise(self, z_t: Tensor, t: Tensor, condition: Condition | None) -> Tensor:
        """The network's prediction for (B, c, h, w) latents: what samplers and guidance call a denoiser."""
        return self.unet(z_t, t) if condition is None else self.unet(z_t, t, *condition)

    @torch.no_grad()
    def stream(
        self,
        wishes: Sequence[str] | Sequence[dict] | None = None,
        n: int | None = None,
        steps: int = 50,
        guidance_scale: float = 3.0,
        seed: int = 0,
        eta: float = 0.0,
        sampler: Callable[..., Sampler] = DDIM,
        spacing: str = "trailing",
    ) -> Iterator:
        """Sample n latents and yield every state of the sampler (state.z, state.x0, state.t).

        wishes: one caption (or dict of attributes) per image; None gives unconditional images.
        Image i depends on seed + i alone, not on its batch mates. guidance_scale is w in
        eps(null) + w (eps(c) - eps(null)): 1 is plain conditional sampling, 0 unconditional.
        sampler: any of ldm_tutorial.diffusion's; eta, the share of fresh noise, is DDIM's alone.
        """
        n = len(wishes) if wishes is not None else (n or 1)
        device = next(self.unet.parameters()).device
        noise = seeded_noise((n, *self.latent_shape), seed).to(device)
        denoise, condition = self.denoise, None
        if self.conditioner is None and wishes is not None:
            raise ValueError("this model takes no condition; sample it with wishes=None")
        if self.conditioner is not None:
            null = self.conditioner(self.conditioner.null_tokens[None].to(device))
            if wishes is None:
                condition = Condition(*(part.expand(n, *part.shape[1:]) for part in null))
            else:
                condition = self.conditioner(self.conditioner.tokenize(list(wishes)).to(device))
                denoise = guide(self.denoise, null, guidance_scale)
        if eta and sampler is not DDIM:
            raise ValueError(f"eta is {eta}, but only DDIM has one; leave it 0 for {sampler.__name__}")
        own = {"eta": eta} if sampler is DDIM else {}
        run = sampler(
            self.schedule, steps, spacing=spacing, prediction=self.config.prediction, clip=self.clip, **own
        )
        yield from run(denoise, noise, condition, generator=seeded_generators(n, seed))

    @property
    def clip(self) -> float | None:
        """Pixels live in [-1, 1] and their predictions are clamped to it; latents must not be."""
        return 1.0 if isinstance(self.first_stage, IdentityFirstStage) else None

    @torch.no_grad()
    def sample(
        self, wishes=None, n: int | None = None, batch_size: int = 64, seed: int = 0, **options
    ) -> Tensor:
        """Images (N, 3, H, W) in [-1, 1]; arguments as for `stream`, `batch_size` images at a time."""
        n = len(wishes) if wishes is not None else (n or 1)
        images = []
        for first in range(0, n, batch_size):
            last = min(first + batch_size, n)
            part = None if wishes is None else wishes[first:last]
            *_, state = self.stream(part, last - first, seed=seed + first, **options)
            images.append(self.decode(state.z))
        return torch.cat(images)

    @torch.no_grad()
    def decode(self, z: Tensor) -> Tensor:
        """Latents (B, c, h, w) to images in [-1, 1], in float32 whatever the U-Net runs in."""
        return self.first_stage.decode(z.float()).clamp(-1, 1)


def build_first_stage(config: KLConfig | VQConfig | PlainConfig | None) -> nn.Module:
    if config is None:
        return IdentityFirstStage()
    if isinstance(config, VQConfig):
        return VQAutoencoder(config)
    return PlainAutoencoder(config) if isinstance(config, PlainConfig) else KLAutoencoder(config)


def build_conditioner(config: CaptionConfig | AttributeConfig | None) -> nn.Module | None:
    if config is None:
        return None
    return CaptionConditioner(config) if isinstance(config, CaptionConfig) else AttributeConditioner(config)
