"""Data in the plane for lesson 09 whose perfect denoisers are known, with a condition and without."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ldm_tutorial.classroom.lessons.sampler_plane import PlaneMixture
from ldm_tutorial.diffusion import NoiseSchedule
from ldm_tutorial.metrics import precision_recall

NULL = 0  # the condition that says nothing; the classes are 1, 2, 3


@dataclass(frozen=True)
class Classes:
    """Points of several classes, each class a mixture of Gaussians and all equally likely."""

    parts: tuple[PlaneMixture, ...]

    @property
    def all(self) -> PlaneMixture:
        """The points of every class, unlabelled."""
        means, covariances = zip(*((part.means, part.covariances) for part in self.parts), strict=True)
        return PlaneMixture(torch.cat(means), torch.cat(covariances))

    def of(self, condition: int) -> PlaneMixture:
        """The points of class 1, 2 ..., or of all for NULL."""
        return self.all if condition == NULL else self.parts[condition - 1]

    def draw(self, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """n points (n, 2) and the class of each, int64 (n,), from 1."""
        classes = torch.randint(1, len(self.parts) + 1, (n,), generator=generator)
        points = torch.stack([part.draw(n, generator) for part in self.parts], 1)
        return points[torch.arange(n), classes - 1], classes

    def denoiser(self, schedule: NoiseSchedule, prediction: str = "epsilon") -> Callable[..., Tensor]:
        """The perfect denoiser for points z_t (B, 2) and conditions int64 (B, 1): NULL or a class."""
        known = [
            self.of(condition).denoiser(schedule, prediction) for condition in range(len(self.parts) + 1)
        ]

        def denoise(z_t: Tensor, t: Tensor, condition: Tensor) -> Tensor:
            out = torch.empty_like(z_t)
            for number in condition.unique().tolist():
                chosen = condition[:, 0] == number
                out[chosen] = known[number](z_t[chosen], t[chosen])
            return out

        return denoise

    def log_density(self, points: Tensor, condition: int = NULL) -> Tensor:
        """log p(x | condition) of points (N, 2): (N,)."""
        mixture = self.of(condition)
        normal = torch.distributions.MultivariateNormal(mixture.means, mixture.covariances)
        each = normal.log_prob(points.double()[:, None])  # (N, K)
        return each.logsumexp(1) - math.log(each.shape[1])

    def share(self, points: Tensor, condition: int) -> Tensor:
        """p(condition | x), how surely a point (N, 2) is of this class: (N,)."""
        each = [self.log_density(points, k + 1) for k in range(len(self.parts))]
        return torch.stack(each, 1).softmax(1)[:, condition - 1]


def ring() -> Classes:
    """A ring of three arcs that overlap where they meet: class 1 on top, then against the clock."""
    parts = []
    for k in range(3):
        middle = math.pi / 2 + 2 * math.pi * k / 3
        angles = torch.tensor([middle + math.radians(turn) for turn in (-50, -25, 0, 25, 50)])
        out = torch.stack([angles.cos(), angles.sin()], 1).double()
        along = torch.stack([-angles.sin(), angles.cos()], 1).double()
        outer = lambda v: v[:, :, None] * v[:, None]  # noqa: E731
        parts.append(PlaneMixture(1.2 * out, 0.07**2 * outer(out) + 0.3**2 * outer(along)))
    return Classes(tuple(parts))


def judged(world: Classes, points: Tensor, condition: int, real: Tensor) -> dict[str, float]:
    """What became of points (N, 2) that should be of a class, of which `real` (M, 2) are true samples.

    Of the right class: share for which that class is the likeliest. On the data: share where the density of
    all data is at least what 99% of the data reach. Recall: share of the real points that lie among these
    (lesson 10).
    """
    every = world.all.draw(4000, torch.Generator().manual_seed(0))
    edge = world.log_density(every).quantile(0.01)
    likeliest = torch.stack([world.share(points, k + 1) for k in range(len(world.parts))], 1).argmax(1) + 1
    return {
        "of the right class": (likeliest == condition).double().mean().item(),
        "on the data": (world.log_density(points) >= edge).double().mean().item(),
        "recall": precision_recall(points, real).recall,
    }


def sharpened(world: Classes, condition: int, w: float, n: int, generator: torch.Generator) -> Tensor:
    """n points of p(x) p(condition | x)^w, for w >= 1: what guidance is often said to draw, drawn exactly.

    It is p(x | condition) p(condition | x)^(w - 1), up to a factor: points of the class, each kept with that
    probability.
    """
    kept = torch.empty(0, 2, dtype=torch.float64)
    while len(kept) < n:
        points = world.of(condition).draw(n, generator)
        chance = world.share(points, condition) ** (w - 1)
        kept = torch.cat([kept, points[torch.rand(n, generator=generator) < chance]])
    return kept[:n]
