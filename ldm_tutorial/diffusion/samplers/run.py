"""What every sampler does around its update: walk the timesteps, ask the denoiser, check its answer."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..prediction import check_prediction, predicted_epsilon, predicted_x0
from ..schedule import NoiseSchedule
from ..spacing import spaced_timesteps

Generators = torch.Generator | Sequence[torch.Generator] | None


class State(NamedTuple):
    """Where a sampler stands after a step.

    z: (B, ...) the latent, now at the noise level of t
    x0: (B, ...) the clean latent as the denoiser saw it in this step
    t: the timestep that comes next; -1 when z is the clean result
    step: how many steps have been taken, 1..steps
    """

    z: Tensor
    x0: Tensor
    t: int
    step: int


class Step(NamedTuple):
    """One step of a run: from timestep t with ᾱ = alpha_bar to next_t (-1: the clean image, ᾱ = 1)."""

    t: int
    next_t: int
    alpha_bar: float
    next_alpha_bar: float
    number: int
    of: int

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

    def __post_init__(self):
        check_prediction(self.prediction)
        if self.clip is not None and not self.clip > 0:
            raise ValueError(
                f"clip is {self.clip}; it must be positive, or None for latents, which have no bounds"
            )
        self.timesteps  # noqa: B018  wrong steps or spacing fail here, not at the first sample

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
        steps = self.schedule.T if self.steps is None else self.steps
        return spaced_timesteps(self.schedule.T, steps, self.spacing, self.steps_offset)

    def walk(self) -> list[Step]:
        """The steps of a run. Python floats, since arithmetic on 0-d tensors would cost more than the update.

        The last step goes to ᾱ = 1, the clean image itself (diffusers: set_alpha_to_one=True), each of the
        others to the timestep at which the denoiser is asked next. (diffusers' DDIM goes to t - T // steps
        instead, which is another one for "linspace", and for "trailing" if steps doesn't divide T.)
        """
        ts = self.timesteps
        levels = self.schedule.alphas_cumprod[ts].tolist()
        pairs = zip(ts, [*ts[1:], -1], levels, [*levels[1:], 1.0], strict=True)
        return [Step(*pair, number, len(ts)) for number, pair in enumerate(pairs, start=1)]

    def ask(self, denoise: Callable, z: Tensor, step: Step, condition: object) -> tuple[Tensor, Tensor]:
        """x0 and ε as the denoiser sees them in z.

        Where x0 is clipped, ε is recomputed from it, so that z = √ᾱ x0 + √(1-ᾱ) ε stays true.
        """
        output = denoise(z, torch.full((len(z),), step.t, device=z.device), condition)
        if output.shape != z.shape:
            raise ValueError(
                f"the denoiser returned shape {tuple(output.shape)} for {tuple(z.shape)} at {step}"
            )
        # One sum is ten times cheaper than isfinite().all(), which only has to say whether the sum itself
        # overflowed. (On an accelerator the host waits for it, once a step.)
        if not math.isfinite(output.sum(dtype=torch.float32)) and not output.isfinite().all():
            raise ValueError(f"the denoiser returned NaN or infinity at {step}")
        a, s = step.alpha_bar**0.5, (1 - step.alpha_bar) ** 0.5
        x0 = predicted_x0(output, z, a, s, self.prediction)
        if self.clip is None:
            return x0, predicted_epsilon(output, z, a, s, self.prediction)
        x0 = x0.clamp(-self.clip, self.clip)
        return x0, (z - a * x0) / s
