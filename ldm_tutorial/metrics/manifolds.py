"""Quality and diversity apart, by balls around samples that reach to their k-th nearest neighbour.

Precision and recall: Kynkäänniemi et al. 2019. Density and coverage: Naeem et al. 2020.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ldm_tutorial.metrics.features import check_pair

ROWS = 1024  # of a table of distances that are held at a time


class PrecisionRecall(NamedTuple):
    """Share of the samples that lie among the reference, and of the reference that lies among the samples."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """How densely samples fill the reference's balls (may exceed 1), and the share of balls they reach."""

    density: float
    coverage: float


def precision_recall(samples: Tensor, reference: Tensor, k: int = 3) -> PrecisionRecall:
    """Precision and recall of features (N, d) against (M, d).

    Raises ValueError for NaN, different widths, and sets of k samples or fewer.
    """
    samples, reference = centred(samples, reference, k)
    precision = inside(samples, reference, radii(reference, k)).counts.gt(0)
    recall = inside(reference, samples, radii(samples, k)).counts.gt(0)
    return PrecisionRecall(precision.double().mean().item(), recall.double().mean().item())


def density_coverage(samples: Tensor, reference: Tensor, k: int = 5) -> DensityCoverage:
    """Density and coverage of features (N, d) against (M, d); both near 1 for equal distributions.

    One outlier of the reference, with its large ball, hardly changes them. Raises what precision_recall does.
    """
    samples, reference = centred(samples, reference, k)
    counts, reached = inside(samples, reference, radii(reference, k))
    return DensityCoverage(counts.double().mean().item() / k, reached.double().mean().item())


class Inside(NamedTuple):
    counts: Tensor  # of each point, in how many balls it lies
    reached: Tensor  # of each ball, whether any point lies in it


def inside(points: Tensor, centres: Tensor, radius: Tensor) -> Inside:
    """Which points (N, d) lie in which of the balls around centres (M, d) of radius (M,), edges included."""
    counts, reached = [], torch.zeros(len(centres), dtype=torch.bool, device=centres.device)
    for part in points.split(ROWS):
        close = torch.cdist(part, centres) <= radius
        counts.append(close.sum(1))
        reached |= close.any(0)
    return Inside(torch.cat(counts), reached)


def radii(points: Tensor, k: int) -> Tensor:
    """The distance of each point (N, d) to its k-th nearest neighbour: (N,)."""
    # Every point is nearest to itself, so the k-th neighbour comes in place k + 1.
    return torch.cat([torch.cdist(part, points).kthvalue(k + 1).values for part in points.split(ROWS)])


def centred(samples: Tensor, reference: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Both sets around the reference's mean, where the rounding of distances is least."""
    if k < 1:
        raise ValueError(f"k is {k}; it must be at least 1")
    samples, reference = check_pair(samples, reference, at_least=k + 1)
    mean = reference.mean(0)
    return samples - mean, reference - mean
