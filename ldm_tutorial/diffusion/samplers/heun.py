"""Heun's method for the probability-flow ODE (Karras et al. 2022, algorithm 1 without churn)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..spacing import PURE_NOISE
from .run import Generators, Solver, State


@dataclass(frozen=True)
class Heun(Solver):
    """x' = x + (σ' - σ) (d + d')/2, where d' is the slope where Euler's step arrives. Options: see Solver.

    Of second order in the number of steps, at two calls of the denoiser in each. The last step, to σ' = 0
    where there is no slope, is Euler's; so is a first step from pure noise, where σ is infinite. Where σ is
    finite but huge (20,000 at the noisy end of the cosine schedule) the mean of both slopes misleads a long
    step; "leading" starts below that.
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
            euler = torch.lerp(x0, x, step.next_sigma / step.sigma)
            if step.next_t < 0 or step.sigma == PURE_NOISE:
                x = euler
            else:
                there = self.path[step.number]
                next_x0 = self.clean(ask(there.a * euler, there), euler, there)
                # x + (σ' - σ) d', with d' = (euler - next_x0) / σ'; the mean of both steps is Heun's
                along_next = torch.add(x, euler - next_x0, alpha=1 - step.sigma / there.sigma)
                x = torch.lerp(euler, along_next, 0.5)
            z = step.next_a * x
            yield State(z, x0, step.next_t, step.number)
