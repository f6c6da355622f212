"""Pseudo linear multistep, the default sampler of the original release (Liu et al. 2022, PNDM)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..prediction import predicted_epsilon
from ..spacing import PURE_NOISE
from .run import Generators, Solver, State, Step
from .thresholding import threshold

# Adams-Bashforth: the weights of the newest ε and of those before it, for 2, 3 and 4 of them
ADAMS_BASHFORTH = {
    2: (3 / 2, -1 / 2),
    3: (23 / 12, -16 / 12, 5 / 12),
    4: (55 / 24, -59 / 24, 37 / 24, -9 / 24),
}


@dataclass(frozen=True)
class PLMS(Solver):
    """A step of DDIM, x + (σ' - σ) ε, along a mixture of the last four ε (Liu et al. 2022, eqs. 11 and 12).

    Warm-up: that of the original latent-diffusion release, which diffusers' PNDMScheduler also takes with
    skip_prk_steps=True. The first step is pseudo improved Euler (go to the next timestep, ask there, go again
    along the mean of both ε: one call of the denoiser more), then 2, 3 and from there on 4 ε are mixed. The
    Runge-Kutta warm-up of the PNDM paper, twelve calls, isn't built. Options: see Solver.
    Raises ValueError if the schedule starts in pure noise, which no ε leads out of.
    """

    def __post_init__(self):
        super().__post_init__()
        if self.path[0].sigma == PURE_NOISE:
            raise ValueError(
                f"at t = {self.path[0].t} this schedule leaves no signal (zero terminal SNR), from where "
                "PLMS can't start; use DDIM, or spacing 'leading'"
            )

    def __call__(
        self,
        denoise: Callable,
        noise: Tensor,
        condition: object = None,
        generator: Generators = None,  # noqa: ARG002
    ) -> Iterator[State]:
        z, x, ask = self.start(denoise, noise, condition)
        recent = []
        for step in self.path:
            epsilon = self.epsilon(ask(z, step), z, step)
            recent = [epsilon, *recent[:3]]
            if len(recent) > 1:
                epsilon = mixture(recent)
            elif step.next_t >= 0:
                there = self.path[1]
                guess = there.a * torch.add(x, epsilon, alpha=there.sigma - step.sigma)
                epsilon = torch.lerp(epsilon, self.epsilon(ask(guess, there), guess, there), 0.5)
            x0 = threshold(torch.sub(x, epsilon, alpha=step.sigma), self.clip, self.dynamic_threshold)
            x = torch.lerp(x0, x, step.next_sigma / step.sigma)
            z = step.next_a * x
            yield State(z, x0, step.next_t, step.number)

    def epsilon(self, output: Tensor, z: Tensor, step: Step) -> Tensor:
        return predicted_epsilon(output, z, step.a, step.s, self.prediction)


def mixture(recent: list[Tensor]) -> Tensor:
    first, *weights = ADAMS_BASHFORTH[len(recent)]
    mixed = first * recent[0]
    for weight, epsilon in zip(weights, recent[1:], strict=True):
        mixed.add_(epsilon, alpha=weight)
    return mixed
