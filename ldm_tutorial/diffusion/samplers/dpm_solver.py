"""DPM-Solver++(2M), a multistep method of second order (Lu et al. 2022, arXiv:2211.01095, algorithm 2)."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .run import Generators, Solver, State, Step


@dataclass(frozen=True)
class DPMSolverPP2M(Solver):
    """z' = (s'/s) z - a' (e⁻ʰ - 1) D, with D = x0 + (x0 - previous x0)/(2r), r = previous h / h.

    h = λ' - λ is the step in λ = log(a/s), in which the linear part of the ODE is solved exactly; D
    extrapolates x0 to the middle of the step from the one before. One call of the denoiser a step. The first
    step has no predecessor, and the last, to λ' = ∞, takes D = x0 (diffusers: DPMSolverMultistepScheduler
    with solver_order=2, "midpoint", final sigma 0). Options: see Solver.
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
        previous_x0, previous_h = None, None
        for step in self.path:
            x0, h = self.clean(ask(z, step), z, step), stride(step)
            if previous_x0 is None or step.next_t < 0:
                D = x0
            else:
                D = torch.lerp(previous_x0, x0, 1 + h / previous_h / 2)
            z = (step.next_s / step.s * z).add_(D, alpha=-step.next_a * math.expm1(-h))
            previous_x0, previous_h = x0, h
            yield State(z, x0, step.next_t, step.number)


def stride(step: Step) -> float:
    """h, infinite where the step begins in pure noise or ends in the clean image."""
    if step.a == 0 or step.next_s == 0:
        return math.inf
    return math.log(step.sigma / step.next_sigma)
