"""DPM-Solver++(2M), a multistep method of second order (Lu et al. 2022, arXiv:2211.01095, algorithm 2)."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .run import Generators, Solver, State


@dataclass(frozen=True)
class DPMSolverPP2M(Solver):
    """z' = (s'/s) z - a' (e⁻ʰ - 1) D, with D = x0 + (x0 - previous x0)/(2r), r = previous h / h.

    h = λ' - λ is the step in λ = log(a/s) = -log σ, in which the linear part of the ODE is solved exactly; D
    extrapolates x0 to the middle of the step from the one before. One call of the denoiser a step. The first
    step has no predecessor, and the last, with h = ∞, takes D = x0 (diffusers: DPMSolverMultistepScheduler
    with solver_order=2, "midpoint", final sigma 0). Options: see Solver.
    """

    def __call__(
        self,
        denoise: Callable,
        noise: Tensor,
        condition: object = None,
        generator: Generators = None,  # noqa: ARG002
    ) -> Iterator[State]:
        z, x, ask = self.start(denoise, noise, condition)
        previous_x0, previous_h = None, 0.0
        for step in self.path:
            D = x0 = self.clean(ask(z, step), x, step)
            h = math.log(step.sigma / step.next_sigma) if step.next_sigma > 0 else math.inf
            if previous_x0 is not None and h < math.inf:
                D = torch.lerp(previous_x0, x0, 1 + h / previous_h / 2)
            # The formula above divided by a', with e⁻ʰ = σ'/σ
            x = torch.lerp(D, x, step.next_sigma / step.sigma)
            z = step.next_a * x
            previous_x0, previous_h = x0, h
            yield State(z, x0, step.next_t, step.number)
