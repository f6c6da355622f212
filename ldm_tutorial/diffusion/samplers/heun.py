"""Heun's method for the probability-flow ODE (Karras et al. 2022, algorithm 1 with no churn)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .run import Generators, Solver, State, move


@dataclass(frozen=True)
class Heun(Solver):
    """x' = x + (σ' - σ) (d + d')/2, where d' is the slope at the end of Euler's step. Options: see Solver.

    Of second order in the number of steps, at two calls of the denoiser in each. The last step, to σ' = 0
    where there is no slope, is Euler's; so is a first step from pure noise, where σ is infinite.
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
        for step, arrival in zip(self.path, [*self.path[1:], None], strict=True):
            x0 = self.clean(ask(z, step), z, step)
            euler = move(z, x0, step, step.next_s)
            if arrival is None or step.a == 0:
                z = euler
            else:
                next_x0 = self.clean(ask(euler, arrival), euler, arrival)
                slope = torch.sub(euler, next_x0, alpha=arrival.a).div_(arrival.s)
                # z = a x; the mean of the step along d and of the step along d'
                along = (step.next_a / step.a * z).add_(
                    slope, alpha=step.next_a * (step.next_sigma - step.sigma)
                )
                z = torch.lerp(euler, along, 0.5)
            yield State(z, x0, step.next_t, step.number)
