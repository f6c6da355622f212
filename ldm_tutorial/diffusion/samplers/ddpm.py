"""Ancestral sampling, the reverse chain of DDPM (Ho et al. 2020, algorithm 2)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..noise import noise_like
from ..posterior import check_variance, posterior
from ..schedule import NoiseSchedule
from .run import Generators, Sampler, State


@dataclass(frozen=True)
class DDPM(Sampler):
    """Draws z_s from q(z_s | z_t, x0) with the denoiser's x0, from t to the next timestep s.

    steps: None for all T; fewer are spaced as in DDIM, and the posterior is taken over the longer stride
    variance: "lower" (β̃) or "upper" (β), see posterior.py; no noise is added in the last step
    prediction: what the denoiser predicts, "epsilon", "x0" or "v"
    clip: clamp x0 to [-clip, clip]: 1.0 for pixels, None for latents, which have no such bounds
    spacing, steps_offset: see spacing.py
    """

    schedule: NoiseSchedule
    steps: int | None = None
    variance: str = "lower"
    spacing: str = "leading"
    prediction: str = "epsilon"
    clip: float | None = None
    steps_offset: int = 0

    def __post_init__(self):
        super().__post_init__()
        check_variance(self.variance)

    @torch.no_grad()
    def __call__(
        self, denoise: Callable, noise: Tensor, condition: object = None, generator: Generators = None
    ) -> Iterator[State]:
        z = noise
        for step in self.walk():
            q = posterior(step.alpha_bar, step.next_alpha_bar)
            x0, _ = self.ask(denoise, z, step, condition)
            z = q.x0 * x0 + q.z_t * z
            if step.next_t >= 0:
                z = z + getattr(q, self.variance) ** 0.5 * noise_like(z, generator)
            yield State(z, x0, step.next_t, step.number)
