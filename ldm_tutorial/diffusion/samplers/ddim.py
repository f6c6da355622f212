"""Denoising diffusion implicit models: few steps, and as much fresh noise as one likes (Song et al. 2021)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..noise import noise_like
from ..posterior import posterior
from ..schedule import NoiseSchedule
from .run import Generators, Sampler, State


@dataclass(frozen=True)
class DDIM(Sampler):
    """From t to the next timestep s: z_s = √ᾱ_s x0 + √(1-ᾱ_s-σ²) ε + σ · noise, σ = eta √β̃ (eqs. 12, 16).

    eta: 0 is deterministic, 1 is DDPM with the lower variance, and anything between
    prediction: what the denoiser predicts, "epsilon", "x0" or "v"
    clip: clamp x0 to [-clip, clip]: 1.0 for pixels, None for latents, which have no such bounds
    spacing, steps_offset: see spacing.py
    """

    schedule: NoiseSchedule
    steps: int = 50
    eta: float = 0.0
    spacing: str = "leading"
    prediction: str = "epsilon"
    clip: float | None = None
    steps_offset: int = 0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.eta <= 1:
            raise ValueError(
                f"eta is {self.eta}; it must be from 0 (deterministic) to 1 (as much noise as DDPM)"
            )

    @torch.no_grad()
    def __call__(
        self, denoise: Callable, noise: Tensor, condition: object = None, generator: Generators = None
    ) -> Iterator[State]:
        z = noise
        for step in self.walk():
            sigma = self.eta * posterior(step.alpha_bar, step.next_alpha_bar).lower ** 0.5
            kept = max(1 - step.next_alpha_bar - sigma**2, 0.0) ** 0.5
            x0, epsilon = self.ask(denoise, z, step, condition)
            z = step.next_alpha_bar**0.5 * x0 + kept * epsilon
            if sigma > 0:
                z = z + sigma * noise_like(z, generator)
            yield State(z, x0, step.next_t, step.number)
