"""Euler's method for the probability-flow ODE, and its ancestral variant (Karras et al. 2022; k-diffusion).

In x = z/a = x0 + σ ε, where the image keeps its size and only noise is added, the ODE is

    dx/dσ = d = (x - x0) / σ          (eq. 1 with eq. 3)

and d is nothing but ε as the denoiser sees it. States hold z = a x, as everywhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..noise import noise_like
from .run import Generators, Solver, State, move


@dataclass(frozen=True)
class Euler(Solver):
    """x' = x + (σ' - σ) d, of first order (algorithm 2 without its correction). Options: see Solver.

    Since x + (σ' - σ) d = x0 + σ' d, it is DDIM with eta = 0, found on another road.
    """

    @torch.no_grad()
    def __call__(
        self,
        denoise: Callable,
        noise: Tensor,
        condition: object = None,
        generator: Generators = None,  # noqa: ARG002
    ) -> Iterator[State]:
        z, ask = noise, self.asker(denoise, noise, condition)
        for step in self.path:
            x0 = self.clean(ask(z, step), z, step)
            z = move(z, x0, step, step.next_a * step.next_sigma)
            yield State(z, x0, step.next_t, step.number)


@dataclass(frozen=True)
class EulerAncestral(Solver):
    """An Euler step that goes too far, down to σ_down < σ', and fresh noise σ_up that fills the rest.

    σ_up² = σ'² (σ² - σ'²) / σ² and σ_down² = σ'² - σ_up² (k-diffusion's get_ancestral_step with eta = 1).
    σ_up is the standard deviation of the posterior, so that this is DDPM with the lower variance.
    Options: see Solver.
    """

    @torch.no_grad()
    def __call__(
        self, denoise: Callable, noise: Tensor, condition: object = None, generator: Generators = None
    ) -> Iterator[State]:
        z, ask = noise, self.asker(denoise, noise, condition)
        for step in self.path:
            ratio = step.next_sigma / step.sigma
            sigma_up, sigma_down = step.next_sigma * (1 - ratio**2) ** 0.5, step.next_sigma * ratio
            x0 = self.clean(ask(z, step), z, step)
            z = move(z, x0, step, step.next_a * sigma_down)
            if step.next_t >= 0:
                z.add_(noise_like(z, generator), alpha=step.next_a * sigma_up)
            yield State(z, x0, step.next_t, step.number)
