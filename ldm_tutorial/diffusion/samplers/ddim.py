"""Denoising diffusion implicit models: few steps, and as much fresh noise as one likes (Song et al. 2021)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..noise import noise_like
from ..posterior import posterior
from ..prediction import predicted_epsilon
from ..schedule import NoiseSchedule
from .run import Generators, Sampler, State


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

    def __call__(
        self, denoise: Callable, noise: Tensor, condition: object = None, generator: Generators = None
    ) -> Iterator[State]:
        z, x, ask = self.start(denoise, noise, condition)
        for step in self.path:
            x0 = self.clean(ask(z, step), x, step)
            fresh = self.eta and self.eta * posterior(step.a**2, step.next_a**2).lower ** 0.5
            kept = max(1 - step.next_a**2 - fresh**2, 0.0) ** 0.5
            # Eq. 12 divided by √ᾱ_s: x0 + kept/√ᾱ_s · ε, where ε = (x - x0)/σ
            x = torch.lerp(x0, x, kept / step.next_a / step.sigma)
            if fresh > 0:
                x.add_(noise_like(x, generator), alpha=fresh / step.next_a)
            z = step.next_a * x
            yield State(z, x0, step.next_t, step.number)

    def inversion(
        self, denoise: Callable, z: Tensor, condition: object = None, refine: int = 1
    ) -> Iterator[State]:
        """The way back, from a clean latent z to the noise that DDIM with eta = 0 would have made it of.

        A step from s up to t needs ε at t, where z_t isn't known yet. It is first taken at z_s (Dhariwal &
        Nichol 2021, appendix F; diffusers' DDIMInverseScheduler does this for epsilon), then `refine` times
        at the z_t so found, one call of the denoiser each. For a latent as the denoiser knows them refine=0
        leaves an error of the order of one step, refine=1 of its square, and so on.
        Yields States whose t is the noise level that z has then.
        Raises ValueError for eta > 0: fresh noise can't be traced back.
        """
        if self.eta > 0:
            raise ValueError(f"eta is {self.eta}; only the deterministic sampler, eta = 0, can be inverted")
        z, ask = z.detach(), self.asker(denoise, z, condition)
        x = z
        for number, step in enumerate(reversed(self.path), start=1):
            for _ in range(1 + refine):
                epsilon = predicted_epsilon(ask(z, step), z, step.a, step.s, self.prediction)
                x_t = torch.add(x, epsilon, alpha=step.sigma - step.next_sigma)
                z = step.a * x_t
            x0 = torch.sub(x, epsilon, alpha=step.next_sigma)
            x = x_t
            yield State(z, x0, step.t, number)

    def invert(self, denoise: Callable, z: Tensor, condition: object = None, refine: int = 1) -> Tensor:
        """The noise, shaped like z, from which `sample` finds z again; see `inversion`."""
        for state in self.inversion(denoise, z, condition, refine):
            noise = state.z
        return noise
