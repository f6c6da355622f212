"""Ancestral sampling, the reverse chain of DDPM (Ho et al. 2020, algorithm 2)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import Tensor

from ..noise import noise_like
from ..posterior import VARIANCES, learned_variance, posterior
from ..schedule import NoiseSchedule
from .run import Generators, Sampler, State


@dataclass(frozen=True)
class DDPM(Sampler):
    """Draws z_s from q(z_s | z_t, x0) with the denoiser's x0, from t to the next timestep s.

    steps: None for all T; fewer are spaced as in DDIM, and the posterior is taken over the longer stride
    variance: "lower" (β̃), "upper" (β), or "learned": then the denoiser returns twice the channels, and the
        second half says where between them; see posterior.py. No noise is added in the last step
    prediction: what the denoiser predicts, "epsilon", "x0" or "v"
    clip, dynamic_threshold: bounds of x0, for pixels only; see thresholding.py
    spacing, steps_offset: see spacing.py
    """

    schedule: NoiseSchedule
    steps: int | None = None
    variance: str = "lower"
    spacing: str = "leading"
    prediction: str = "epsilon"
    clip: float | None = None
    steps_offset: int = 0
    dynamic_threshold: float | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.variance not in (*VARIANCES, "learned"):
            raise ValueError(
                f"variance {self.variance!r} is unknown; known are {', '.join(VARIANCES)}, learned"
            )

    def __call__(
        self, denoise: Callable, noise: Tensor, condition: object = None, generator: Generators = None
    ) -> Iterator[State]:
        learned = self.variance == "learned"
        z, ask = noise.detach(), self.asker(denoise, noise, condition, halves=2 if learned else 1)
        for step in self.path:
            q = posterior(step.a**2, step.next_a**2)
            output, *fraction = ask(z, step).chunk(2 if learned else 1, dim=1)
            x0 = self.clean(output, z / step.a, step)
            z = (q.z_t * z).add_(x0, alpha=q.x0)
            if step.next_t >= 0:
                variance = learned_variance(*fraction, q) if learned else getattr(q, self.variance)
                z += variance**0.5 * noise_like(z, generator)
            yield State(z, x0, step.next_t, step.number)
