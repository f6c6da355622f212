"""Denoising diffusion implicit models: few steps, and as much fresh noise as one likes (Song et al. 2021)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..noise import noise_like
from ..posterior import posterior
from ..schedule import NoiseSchedule
from .run import Generators, Sampler, State, move


@dataclass(frozen=True)
class DDIM(Sampler):
    """From t to the next timestep s: z_s = √ᾱ_s x0 + √(1-ᾱ_s-σ²) ε + σ · noise, σ = eta √β̃ (eqs. 12, 16).

    eta: 0 is deterministic, 1 is DDPM with the lower variance, and anything between
    prediction: what the denoiser predicts, "epsilon", "x0" or "v"
    clip, dynamic_threshold: bounds of x0, for pixels only; see thresholding.py. ε follows the bounded x0
    spacing, steps_offset: see spacing.py
    """

    schedule: NoiseSchedule
    steps: int = 50
    eta: float = 0.0
    spacing: str = "leading"
    prediction: str = "epsilon"
    clip: float | None = None
    steps_offset: int = 0
    dynamic_threshold: float | None = None

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
        z, ask = noise, self.asker(denoise, noise, condition)
        for step in self.path:
            sigma = self.eta and self.eta * posterior(*step.alpha_bars).lower ** 0.5
            x0 = self.clean(ask(z, step), z, step)
            z = move(z, x0, step, max(step.next_s**2 - sigma**2, 0.0) ** 0.5)
            if sigma > 0:
                z.add_(noise_like(z, generator), alpha=sigma)
            yield State(z, x0, step.next_t, step.number)
