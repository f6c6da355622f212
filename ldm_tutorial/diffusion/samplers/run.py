"""What every sampler does around its update: walk the noise levels, ask the denoiser, read what it says."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from ..prediction import check_prediction
from ..schedule import NoiseSchedule
from ..spacing import PURE_NOISE, noise_levels
from .thresholding import check_bounds, threshold

# Steps from one look for NaN to the next: it costs half an update, and on an accelerator the host waits.
CHECK_EVERY = 20

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
    """One step of a run, from one noise level to the next: all Python floats, computed once.

    t: what the denoiser is told; next_t: what it will be told next (-1: nothing, the image is clean)
    sigma: noise in units of the image, σ = √((1-ᾱ)/ᾱ), so that x = z/a is x0 + σ ε
    a: √ᾱ, the share of the image in z
    """

    t: int
    next_t: int
    sigma: float
    next_sigma: float
    a: float
    next_a: float
    number: int
    of: int

    @property
    def s(self) -> float:
        """√(1-ᾱ), the share of the noise in z."""
        return self.a * self.sigma

    def __str__(self) -> str:
        return f"step {self.number} of {self.of} (t = {self.t})"


class Sampler:
    """A sampler is called like a function and yields a State after every step; `sample` returns the last z.

    denoise: callable (z_t, t int64 (B,), condition) -> prediction, shaped like z_t
    noise: (B, ...) the starting point, N(0, I); also says on which device and in which dtype to sample
    condition: handed to the denoiser as it is
    generator: a torch.Generator, or a list with one for each image (then no image depends on its batch);
        may be None where the sampler adds no noise
    Raises ValueError if the denoiser returns another shape, or anything infinite or NaN, naming the step (the
        latter up to CHECK_EVERY steps after it, but never after the last).
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
        noisiest = self.path[0]  # wrong steps and spacings fail here, not at the first sample
        if noisiest.sigma == PURE_NOISE and self.prediction == "epsilon":
            raise ValueError(
                f"prediction is 'epsilon', but at t = {noisiest.t} this schedule leaves no signal, where "
                "the noise says nothing of the image; use a denoiser that predicts 'v' or 'x0'"
            )

    def __call__(
        self, denoise: Callable, noise: Tensor, condition: object = None, generator: Generators = None
    ) -> Iterator[State]:
        raise NotImplementedError

    @torch.no_grad()
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
        levels = [(t, sigma, 1 / math.hypot(1, sigma)) for t, sigma in [*levels, (-1, 0.0)]]
        return [
            Step(t, next_t, sigma, next_sigma, a, next_a, number, steps)
            for number, ((t, sigma, a), (next_t, next_sigma, next_a)) in enumerate(pairwise(levels), start=1)
        ]

    def batched_timesteps(self, batch: int, device: torch.device) -> tuple[Tensor, ...]:
        """What the denoiser is told in each step, int64 (batch,). Kept for later runs: don't write to it."""
        if (batch, device) not in self.told:
            table = torch.tensor(self.timesteps, device=device)[:, None]
            self.told[batch, device] = table.expand(-1, batch).contiguous().unbind()
        return self.told[batch, device]

    @cached_property
    def told(self) -> dict[tuple[int, torch.device], tuple[Tensor, ...]]:
        return {}

    def start(
        self, denoise: Callable, noise: Tensor, condition: object
    ) -> tuple[Tensor, Tensor, Callable[[Tensor, Step], Tensor]]:
        """z, x = z/a and `asker`'s function: what a run begins with."""
        z = noise.detach()
        return z, z / self.path[0].a, self.asker(denoise, noise, condition)

    def asker(
        self, denoise: Callable, noise: Tensor, condition: object, halves: int = 1
    ) -> Callable[[Tensor, Step], Tensor]:
        """A function (z, step) -> the denoiser's answer, checked; with halves=2 it has twice z's channels."""
        expected = torch.Size([size * halves if dim == 1 else size for dim, size in enumerate(noise.shape)])
        ts, unchecked = self.batched_timesteps(len(noise), noise.device), []
        no_grad = torch.no_grad()
        # A NaN or infinity stays in z, so that looking now and then is enough. Bounds would hide an infinity.
        every = CHECK_EVERY if self.clip is None and self.dynamic_threshold is None else 1

        def ask(z: Tensor, step: Step) -> Tensor:
            if torch.is_grad_enabled():
                with no_grad:
                    output = denoise(z, ts[step.number - 1], condition)
            else:  # switching it off again would take a tenth of the step
                output = denoise(z, ts[step.number - 1], condition)
            if output.shape != expected:
                raise ValueError(
                    f"the denoiser returned shape {tuple(output.shape)} for {tuple(z.shape)} at {step}; "
                    f"it must be {tuple(expected)}"
                )
            unchecked.append((step, output))
            if step.number % every == 1 % every or step.number == step.of:
                check_answers(z, unchecked)
                unchecked.clear()
            return output

        return ask

    def clean(self, output: Tensor, x: Tensor, step: Step) -> Tensor:
        """x0 as the denoiser's output implies it, kept within bounds where the sampler has any.

        `predicted_x0` of prediction.py for x = z/a, fused into one or two operations with Python floats.
        """
        if self.prediction == "epsilon":
            x0 = torch.sub(x, output, alpha=step.sigma)
        elif self.prediction == "v":
            x0 = (step.a**2 * x).sub_(output, alpha=step.a * step.sigma)
        else:
            x0 = output
        unbounded = self.clip is None and self.dynamic_threshold is None
        return x0 if unbounded else threshold(x0, self.clip, self.dynamic_threshold)


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


def check_answers(z: Tensor, answers: list[tuple[Step, Tensor]]) -> None:
    """Raises ValueError naming the first step whose answer isn't finite; z is what the last was asked about.

    One sum is ten times cheaper than isfinite().all(), which only has to say whether the sum overflowed.
    """
    sums = (tensor.sum(dtype=torch.float32) for tensor in (z, answers[-1][1]))
    if all(map(math.isfinite, sums)):
        return
    for step, output in answers:
        if not output.isfinite().all():
            raise ValueError(f"the denoiser returned NaN or infinity at {step}")
