"""How the Frechet distance depends on the number of samples.

Fitted to N samples it is too large, by about a constant over N, and the constant differs from model to model:
distances of unequal N can't be compared, and those of small N hardly at all.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ldm_tutorial.metrics.features import check_features, check_pair
from ldm_tutorial.metrics.frechet import Gaussian


class FewSamplesWarning(UserWarning):
    """A Frechet distance over fewer samples than features."""


class Bias(NamedTuple):
    """`distance` of two disjoint sets of `n` that come from one distribution, where the true one is 0."""

    n: int
    distance: float
    share: float  # of the covariance's trace


class Extrapolation(NamedTuple):
    """The line distance = limit + slope / N."""

    limit: float
    slope: float


def measured_bias(features: Tensor, n: int, seed: int = 0) -> Bias:
    """The distance between two sets of n drawn from the same features (M, d); of M / 2 where M < 2n.

    Raises ValueError for fewer than four features, and NaN.
    """
    features = check_features(features, at_least=4)
    n = min(n, len(features) // 2)
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(seed))
    one, other = (Gaussian.fitted(features[part]) for part in (order[:n], order[n : 2 * n]))
    distance = one.distance(other)
    trace = float(one.trace + other.trace) / 2
    return Bias(n, distance, distance / trace if trace else 0.0)


def distances_by_n(
    samples: Tensor, reference: Tensor, sizes: Sequence[int], seed: int = 0, draws: int = 1
) -> list[float]:
    """Frechet distance of the first n of the shuffled samples (N, d) to all of reference, for n of `sizes`.

    The mean over `draws` shufflings. Raises ValueError for sizes beyond 2..N, NaN, and different widths.
    """
    samples, reference = check_pair(samples, reference)
    if not sizes or min(sizes) < 2 or max(sizes) > len(samples):
        raise ValueError(f"sizes are {list(sizes)}; from 2 to N = {len(samples)} is accepted")
    target, generator = Gaussian.fitted(reference), torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(samples), generator=generator) for _ in range(draws)]
    return [
        sum(target.distance(Gaussian.fitted(samples[order[:n]])) for order in orders) / draws for n in sizes
    ]


def extrapolate(sizes: Sequence[int], distances: Sequence[float]) -> Extrapolation:
    """The least-squares line through distances over 1/N; its limit is the distance of endless samples.

    Chong and Forsyth 2020. Holds where N is well above the number of features.
    Raises ValueError for fewer than two different sizes.
    """
    if len(sizes) != len(distances) or len(set(sizes)) < 2:
        raise ValueError(
            f"{len(sizes)} sizes and {len(distances)} distances; at least 2 pairs with different sizes "
            "are needed"
        )
    x = 1 / torch.tensor(sizes, dtype=torch.float64)
    y = torch.tensor(distances, dtype=torch.float64)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return Extrapolation(float(y.mean() - slope * x.mean()), float(slope))
