"""Latent diffusion, the whole system (Rombach et al. 2022, arXiv:2112.10752).

    image x --first stage--> latent z --noise--> z_t --U-Net(z_t, t, context)--> prediction --> loss
    noise --sampler(U-Net, guidance)--> z --first stage--> image x

With no first stage the same class is diffusion on pixels: the baseline differs by one line of its config.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from ldm_tutorial.conditioning import (
    ComposedConditioner,
    ComposedConfig,
    Condition,
    EncoderConfig,
    ImageConfig,
    MapConfig,
    Routes,
    Tokens,
    at_size,
    build_encoder,
    each_part,
    emptied,
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
from ldm_tutorial.unet import ControlConfig, ControlNet, UNet, UNetConfig


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
    conditioner: EncoderConfig | ComposedConfig | None
    schedule: ScheduleConfig = ScheduleConfig()
    prediction: Literal["epsilon", "x0", "v"] = "epsilon"
    control: ControlConfig | None = None


class LatentDiffusion(nn.Module):
    """First stage, U-Net and conditioner, with the loss that trains them and the loop that samples."""

    def __init__(self, config: LatentDiffusionConfig):
        super().__init__()
        self.config = config
        self.first_stage = build_first_stage(config.first_stage)
        self.unet = UNet(config.unet)
        self.controlnet = None if config.control is None else ControlNet(config.unet, config.control)
        self.conditioner = build_conditioner(config.conditioner)
        s = config.schedule
        self.schedule = noise_schedule(s.name, s.timesteps, s.beta_start, s.beta_end)

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        """(c, h, w) of one latent."""
        side = self.config.image_size // self.first_stage.downsampling
        return self.first_stage.latent_channels, side, side

    def loss(self, z: Tensor, tokens: Tokens | None, t: Tensor, noise: Tensor, norm: str = "l2") -> Tensor:
        """Error of the prediction, per image: z, noise (B, c, h, w), tokens (B, ...), t (B,) -> (B,).

        With epsilon prediction and the squared error this is equation 2 of the paper, and 3 with a condition.
        """
        z_t = self.schedule.add_noise(z, noise, t)
        condition = None if tokens is None else self.conditioner(tokens)
        target = self.schedule.target(z, noise, t, self.config.prediction)
        error = self.denoise(z_t, t, condition).float() - target.float()
        return (error.square() if norm == "l2" else error.abs()).flatten(1).mean(1)

    def denoise(self, z_t: Tensor, t: Tensor, condition: Condition | Routes | None) -> Tensor:
        """The network's prediction for (B, c, h, w) latents: what samplers and guidance call a denoiser.

        Here conditions meet the U-Net: beside latent and time, in cross-attention, through a ControlNet.
        """
        if condition is None or isinstance(condition, Condition):
            return self.unet(z_t, t, *(condition or ()))
        (h, w), tokens = z_t.shape[2:], (condition.context, condition.mask, condition.added)
        if condition.channels is not None:
            z_t = torch.cat([z_t, at_size(condition.channels, h, w)], dim=1)
        if self.controlnet is None:
            return self.unet(z_t, t, *tokens)
        f = self.config.control.hint_factor
        residuals = self.controlnet(z_t, t, at_size(condition.hint, f * h, f * w), *tokens)
        return self.unet(z_t, t, *tokens, residuals)

    @torch.no_grad()
    def stream(
        self,
        wishes: Sequence | None = None,
        n: int | None = None,
        steps: int = 50,
        guidance_scale: float | Sequence[float] = 3.0,
        seed: int = 0,
        eta: float = 0.0,
        sampler: Callable[..., Sampler] = DDIM,
        spacing: str = "trailing",
        negative_prompt: object | Sequence | None = None,
        guidance_rescale: float = 0.0,
        guidance_interval: tuple[int, int] | None = None,
        batch_guidance: bool = True,
    ) -> Iterator:
        """Sample n latents and yield every state of the sampler (state.z, state.x0, state.t).

        wishes: for each image what the conditioner reads: a caption, a dict of attributes or of several
            conditions; None gives unconditional images. With several guidance scales, a tuple of so many.
        guidance_scale: w in eps(null) + w (eps(c) - eps(null)): 1 is plain conditional sampling, 0
            unconditional. Several compose the wishes of each tuple.
        negative_prompt: what to lead away from, in place of null: one wish for all images, or a list.
        guidance_rescale, guidance_interval, batch_guidance: see `ldm_tutorial.diffusion.guide`.
        sampler: any of ldm_tutorial.diffusion's; eta, the share of fresh noise, is DDIM's alone.
        Image i depends on seed + i alone, not on its batch mates.
        """
        n = len(wishes) if wishes is not None else (n or 1)
        noise = seeded_noise((n, *self.latent_shape), seed).to(self.device)
        denoise, condition = self.denoise, None
        if wishes is None and negative_prompt is not None:
            raise ValueError("negative_prompt needs wishes beside it, if only empty ones")
        if self.conditioner is None and wishes is not None:
            raise ValueError("this model takes no condition; sample it with wishes=None")
        if self.conditioner is not None and wishes is None:
            condition = self.unconditional(n)
        elif self.conditioner is not None:
            several = isinstance(guidance_scale, Sequence)
            parts = zip(*wishes, strict=True) if several else [wishes]
            asked = [self.conditioner.tokenize(list(part)) for part in parts]
            conditions = [self.encode(tokens) for tokens in asked]
            condition = conditions if several else conditions[0]
            null_tokens = self.nothing(asked[0])
            negative = None if negative_prompt is None else self.negative(negative_prompt, n, null_tokens)
            options = {"rescale": guidance_rescale, "interval": guidance_interval, "batched": batch_guidance}
            denoise = guide(denoise, self.encode(null_tokens), guidance_scale, negative, **options)
        if eta and sampler is not DDIM:
            raise ValueError(f"eta is {eta}, but only DDIM has one; leave it 0 for {sampler.__name__}")
        own = {"eta": eta} if sampler is DDIM else {}
        run = sampler(
            self.schedule, steps, spacing=spacing, prediction=self.config.prediction, clip=self.clip, **own
        )
        yield from run(denoise, noise, condition, generator=seeded_generators(n, seed))

    def encode(self, tokens: Tokens) -> Condition | Routes:
        """What the U-Net is told, from tokens on any device."""
        return self.conditioner(each_part(lambda part: part.to(self.device), tokens))

    def nothing(self, tokens: Tokens) -> Tokens:
        """The null condition, of batch 1; of several parts for each row, as some may have none and stay."""
        null = self.conditioner.null_tokens
        return emptied(tokens, null) if isinstance(null, dict) else null[None]

    def unconditional(self, n: int) -> Condition | Routes:
        """The null condition for n images. Raises ValueError where the model can't do without one."""
        composed = isinstance(self.conditioner, ComposedConditioner)
        null = self.encode(self.nothing(self.conditioner.tokenize([{}] * n) if composed else None))
        return type(null)(*(None if part is None else part.expand(n, *part.shape[1:]) for part in null))

    def negative(self, prompt: object | Sequence, n: int, null_tokens: Tokens) -> Condition | Routes:
        """The condition to lead away from: one wish for n images or a list; what it leaves out is null."""
        prompts = list(prompt) if isinstance(prompt, list | tuple) else [prompt] * n
        others = [null_tokens] if isinstance(null_tokens, dict) else []
        return self.encode(self.conditioner.tokenize(prompts, *others))

    @property
    def device(self) -> torch.device:
        return next(self.unet.parameters()).device

    @property
    def clip(self) -> float | None:
        """Pixels live in [-1, 1] and their predictions are clamped to it; latents must not be."""
        return 1.0 if isinstance(self.first_stage, IdentityFirstStage) else None

    @torch.no_grad()
    def sample(
        self,
        wishes=None,
        n: int | None = None,
        batch_size: int = 64,
        seed: int = 0,
        negative_prompt=None,
        **options,
    ) -> Tensor:
        """Images (N, 3, H, W) in [-1, 1]; arguments as for `stream`, `batch_size` images at a time."""
        n = len(wishes) if wishes is not None else (n or 1)
        images = []
        for first in range(0, n, batch_size):
            last = min(first + batch_size, n)
            part = None if wishes is None else wishes[first:last]
            away = (
                negative_prompt[first:last] if isinstance(negative_prompt, list | tuple) else negative_prompt
            )
            *_, state = self.stream(part, last - first, seed=seed + first, negative_prompt=away, **options)
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


def build_conditioner(config: EncoderConfig | ComposedConfig | None) -> nn.Module | None:
    if config is None:
        return None
    if isinstance(config, MapConfig | ImageConfig):
        raise ValueError(f"a {type(config).__name__} needs a mechanism; make it a part of a ComposedConfig")
    return ComposedConditioner(config) if isinstance(config, ComposedConfig) else build_encoder(config)


def fitted(unet: UNetConfig, conditioner: nn.Module | None) -> UNetConfig:
    """`unet`, of which in_channels are the latents' own, with the entrances that the conditioner needs."""
    if not isinstance(conditioner, ComposedConditioner):
        return replace(unet, context_dim=conditioner.context_dim if conditioner else None)
    needs = {"in_channels": 0, "context_dim": None, "hint_channels": 0} | conditioner.needs
    needs["in_channels"] += unet.in_channels
    return replace(unet, **{name: value for name, value in needs.items() if name != "hint_channels"})
