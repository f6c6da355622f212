"""Euler's method for the probability-flow ODE, and its ancestral variant (Karras et al. 2022; k-diffusion).

In x = z/a = x0 + σ ε, where the image keeps its size and only noise is added, the ODE is

    dx/dσ = d = (x - x0) / σ          (eq. 1 with eq. 3)

and d is nothing but ε as the denoiser sees it. So a step of Euler's method to σ', x + (σ' - σ) d, is
x0 + σ'/σ (x - x0): part of the way to x0. States hold z = a x, as everywhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..noise import noise_like
from .run import Generators, Solver, State


@dataclass(frozen=True)
class Euler(Solver):
    """x' = x + (σ' - σ) d, of first order (algorithm 1 without its correction). Options: see Solver.

    The same as DDIM with eta = 0, which came to it by another road.
    """

    def __call__(
        self,
        denoise: Callable,
        noise: Tensor,
        condition: object = None,
        generator: Generators = None,  # noqa: ARG002
    ) -> Iterator[State]:
        z, x, ask = self.start(denoise, noise, condition)
        for step in self.path:
            x0 = self.clean(ask(z, step), x, step)
            x = torch.lerp(x0, x, step.next_sigma / step.sigma)
            z = step.next_a * x
            yield State(z, x0, step.next_t, step.number)


@dataclass(frozen=True)
class EulerAncestral(Solver):
    """Euler's step goes too far, down to σ_down < σ', and fresh noise σ_up fills the rest.

    σ_up² = σ'² (σ² - σ'²) / σ² and σ_down² = σ'² - σ_up² = (σ'²/σ)² (k-diffusion's get_ancestral_step).
    σ_up is the standard deviation of the posterior, so that this is DDPM with the lower variance.
    Options: see Solver.
    """

    def __call__(
        self, denoise: Callable, noise: Tensor, condition: object = None, generator: Generators = None
    ) -> Iterator[State]:
        z, x, ask = self.start(denoise, noise, condition)
        for step in self.path:
            sigma_down = step.next_sigma**2 / step.sigma
            sigma_up = (step.next_sigma**2 - sigma_down**2) ** 0.5
            x0 = self.clean(ask(z, step), x, step)
            x = torch.lerp(x0, x, sigma_down / step.sigma)
            if sigma_up > 0:
                x.add_(noise_like(x, generator), alpha=sigma_up)
            z = step.next_a * x
            yield State(z, x0, step.next_t, step.number)
