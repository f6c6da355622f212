"""What every sampler does around its update: walk the noise levels, ask the denoiser, read what it says."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from ..prediction import check_prediction
from ..schedule import NoiseSchedule
from ..spacing import noise_levels
from .thresholding import check_bounds, threshold

Generators = torch.Generator | Sequence[torch.Generator] | None


class State(NamedTuple):
    """Where a sampler stands after a step.

    z: (B, ...) the latent, now at the noise level of t: √ᾱ_t times the image plus √(1-ᾱ_t) times noise
    x0: (B, ...) the clean latent as it was seen in this step
    t: the timestep that comes next; -1 when z is the clean result
    step: how many steps have been taken, 1..steps
    """

    z: Tensor
    x0: Tensor
    t: int
    step: int


class Step(NamedTuple):
    """One step of a run, from z_t = a x0 + s ε to the next level, next_a and next_s: all Python floats.

    t is what the denoiser is told, next_t what it will be told next (-1: nothing, the image is clean).
    """

    t: int
    next_t: int
    a: float
    s: float
    next_a: float
    next_s: float
    number: int
    of: int

    @property
    def sigma(self) -> float:
        """Noise in units of the image: x = z/a is x0 + σ ε, which is how Karras et al. 2022 write it."""
        return self.s / self.a if self.a > 0 else math.inf

    @property
    def next_sigma(self) -> float:
        return self.next_s / self.next_a

    @property
    def alpha_bars(self) -> tuple[float, float]:
        """ᾱ here and at the next level, as posterior.py wants them."""
        return self.a**2, self.next_a**2

    def __str__(self) -> str:
        return f"step {self.number} of {self.of} (t = {self.t})"


class Sampler:
    """A sampler is called like a function and yields a State after every step; `sample` returns the last z.

    denoise: callable (z_t, t int64 (B,), condition) -> prediction, shaped like z_t
    noise: (B, ...) the starting point, N(0, I); also says on which device and in which dtype to sample
    condition: handed to the denoiser as it is
    generator: a torch.Generator, or a list with one for each image (then no image depends on its batch);
        may be None where the sampler adds no noise
    Raises ValueError if the denoiser returns another shape, or anything infinite or NaN, naming the step.
    No gradient is recorded.
    """

    schedule: NoiseSchedule
    steps: int | None
    spacing: str
    prediction: str
    clip: float | None
    steps_offset: int
    dynamic_threshold: float | None

    def __post_init__(self):
        check_prediction(self.prediction)
        check_bounds(self.clip, self.dynamic_threshold)
        if self.path[0].a == 0 and self.prediction == "epsilon":  # wrong steps or spacing fail here as well
            raise ValueError(
                f"prediction is 'epsilon', but at t = {self.path[0].t} this schedule leaves no signal, where "
                "the noise says nothing of the image; use a denoiser that predicts 'v' or 'x0'"
            )

    def __call__(
        self, denoise: Callable, noise: Tensor, condition: object = None, generator: Generators = None
    ) -> Iterator[State]:
        raise NotImplementedError

    def sample(
        self, denoise: Callable, noise: Tensor, condition: object = None, generator: Generators = None
    ) -> Tensor:
        """The clean latent, shaped like noise."""
        for state in self(denoise, noise, condition, generator):
            z = state.z
        return z

    @property
    def timesteps(self) -> list[int]:
        """The timesteps at which the denoiser is asked, from noisy to clean."""
        return [step.t for step in self.path]

    @cached_property
    def path(self) -> list[Step]:
        """The steps of a run, computed once: arithmetic on 0-d tensors would cost more than the updates.

        The last step goes to ᾱ = 1, the clean image itself (diffusers: set_alpha_to_one=True), each of the
        others to the level at which the denoiser is asked next. (diffusers' DDIM goes to t - T // steps
        instead, which is another one for "linspace", and for "trailing" if steps doesn't divide T.)
        """
        steps = self.schedule.T if self.steps is None else self.steps
        levels = noise_levels(self.schedule, steps, self.spacing, self.steps_offset)
        return [
            Step(t, next_t, a, s, next_a, next_s, number, steps)
            for number, ((t, a, s), (next_t, next_a, next_s)) in enumerate(
                zip(levels, [*levels[1:], (-1, 1.0, 0.0)], strict=True), start=1
            )
        ]

    def asker(
        self, denoise: Callable, noise: Tensor, condition: object, halves: int = 1
    ) -> Callable[[Tensor, Step], Tensor]:
        """A function (z, step) -> the denoiser's answer, checked; with halves=2 it has twice z's channels."""
        batch, channels, *rest = noise.shape
        expected = torch.Size([batch, channels * halves, *rest])
        ts = torch.tensor(self.timesteps, device=noise.device).repeat_interleave(batch).view(-1, batch)
        ts = ts.unbind()

        def ask(z: Tensor, step: Step) -> Tensor:
            output = denoise(z, ts[step.number - 1], condition)
            check_answer(output, expected, step)
            return output

        return ask

    def clean(self, output: Tensor, z: Tensor, step: Step) -> Tensor:
        """x0 as the denoiser's output implies it, kept within bounds where the sampler has any.

        `predicted_x0` of prediction.py, for Python floats fused into two operations.
        """
        if self.prediction == "epsilon":
            x0 = torch.sub(z, output, alpha=step.s).div_(step.a)
        elif self.prediction == "v":
            x0 = (step.a * z).sub_(output, alpha=step.s)
        else:
            x0 = output
        return threshold(x0, self.clip, self.dynamic_threshold)


@dataclass(frozen=True)
class Solver(Sampler):
    """The options of samplers that have none of their own.

    steps: how many; the denoiser is asked once in each, unless the sampler says otherwise
    spacing, steps_offset: which noise levels are visited, "leading", "trailing", "linspace" or "karras"; see
        spacing.py
    prediction: what the denoiser predicts, "epsilon", "x0" or "v"
    clip, dynamic_threshold: bounds of x0, for pixels only; see thresholding.py
    """

    schedule: NoiseSchedule
    steps: int = 50
    spacing: str = "leading"
    prediction: str = "epsilon"
    clip: float | None = None
    steps_offset: int = 0
    dynamic_threshold: float | None = None


def move(z: Tensor, x0: Tensor, step: Step, noise: float) -> Tensor:
    """next_a x0 + noise · ε: the image at its next strength, with `noise` of the noise that z has now.

    That noise is ε = (z - a x0) / s, which leaves one multiple of z and one of x0, two fused operations. With
    noise = next_s this is where the probability-flow ODE leads if x0 stayed what it is.
    """
    return (noise / step.s * z).add_(x0, alpha=step.next_a - noise * step.a / step.s)


def check_answer(output: Tensor, expected: torch.Size, step: Step) -> None:
    if output.shape != expected:
        raise ValueError(
            f"the denoiser returned shape {tuple(output.shape)} where {tuple(expected)} is needed at {step}"
        )
    # One sum is ten times cheaper than isfinite().all(), which only has to say whether the sum itself
    # overflowed. (On an accelerator the host waits for it, once a step.)
    if not math.isfinite(output.sum(dtype=torch.float32)) and not output.isfinite().all():
        raise ValueError(f"the denoiser returned NaN or infinity at {step}")
