"""DPM-Solver++(2M), a multistep method of second order (Lu et al. 2022, arXiv:2211.01095, algorithm 2)."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor

from ..spacing import PURE_NOISE
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
        previous_x0 = None
        for step, weight in zip(self.path, self.weights, strict=True):
            x0 = self.clean(ask(z, step), x, step)
            D = x0 if weight == 1 else torch.lerp(previous_x0, x0, weight)
            # The formula above divided by a', with e⁻ʰ = σ'/σ
            x = torch.lerp(D, x, step.next_sigma / step.sigma)
            z = step.next_a * x
            previous_x0 = x0
            yield State(z, x0, step.next_t, step.number)

    @cached_property
    def weights(self) -> list[float]:
        """1 + 1/(2r) of each step, how far D lies from the previous x0 to x0 and beyond; 1 where D = x0."""
        h = [math.log(step.sigma / step.next_sigma) for step in self.path[:-1]]
        if self.path[0].sigma == PURE_NOISE:
            h[:1] = [math.inf]  # r as well: x0 as seen in pure noise says nothing of where it is heading
        return [1.0, *(1 + later / earlier / 2 for earlier, later in pairwise(h)), 1.0][: len(self.path)]
