"""Kernel distance: squared maximum mean discrepancy with a cubic kernel (KID, Binkowski et al. 2018).

Unlike the Frechet distance it has no bias, however few the samples, and it comes with its standard error.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ldm_tutorial.metrics.features import check_pair

ROWS = 1024  # of a kernel matrix that are held at a time


class KernelDistance(NamedTuple):
    value: float
    standard_error: float


class SubsetDistance(NamedTuple):
    """Mean and standard deviation over subsets; the latter is no standard error, since subsets overlap."""

    mean: float
    std: float


def kernel_distance(
    samples: Tensor, reference: Tensor, degree: int = 3, gamma: float | None = None, coef: float = 1.0
) -> KernelDistance:
    """Unbiased MMD^2 of features (N, d) and (M, d) under (gamma x.y + coef)^degree, gamma 1/d by default.

    Over all pairs (Gretton et al. 2012, equation 3), so it may be negative. The standard error leaves out
    one sample at a time; for equal distributions it is too large, by about 1.4, and nan below three samples.
    Raises ValueError for N or M below 2, NaN, and different widths.
    """
    x, y = check_pair(samples, reference)
    kernel = (degree, gamma, coef)
    n, m = len(x), len(y)
    xx, _ = row_sums(x, x, *kernel)
    yy, _ = row_sums(y, y, *kernel)
    xx = xx - polynomial(x.square().sum(1), x.shape[1], *kernel)  # a sample beside itself is no pair
    yy = yy - polynomial(y.square().sum(1), y.shape[1], *kernel)
    xy, yx = row_sums(x, y, *kernel)
    across = xy.sum()
    within_x, within_y = xx.sum() / (n * (n - 1)), yy.sum() / (m * (m - 1))
    value = within_x + within_y - 2 * across / (n * m)
    without_x = (xx.sum() - 2 * xx) / ((n - 1) * (n - 2)) - 2 * (across - xy) / ((n - 1) * m)
    without_y = (yy.sum() - 2 * yy) / ((m - 1) * (m - 2)) - 2 * (across - yx) / ((m - 1) * n)
    variance = sum((v - v.mean()).square().sum() * (len(v) - 1) / len(v) for v in (without_x, without_y))
    return KernelDistance(float(value), float(variance.sqrt()))


def kernel_distance_of_subsets(
    samples: Tensor,
    reference: Tensor,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 2020,
    degree: int = 3,
    gamma: float | None = None,
    coef: float = 1.0,
) -> SubsetDistance:
    """KID as it is usually published: over `subsets` drawn from both sets, the same ones as torch-fidelity's.

    `kernel_distance` uses every pair and is the better estimate; this one is for comparing with papers.
    Raises ValueError as it does, and for sets smaller than `subset_size`.
    """
    x, y = check_pair(samples, reference)
    if min(len(x), len(y)) < subset_size:
        raise ValueError(
            f"subset_size is {subset_size}, and there are {len(x)} samples and {len(y)} of reference; "
            "it must not exceed either"
        )
    draw = np.random.RandomState(seed)  # the generator that the published figures are drawn with
    values = []
    for _ in range(subsets):
        a = x[draw.choice(len(x), subset_size, replace=False)]
        b = y[draw.choice(len(y), subset_size, replace=False)]
        values.append(kernel_distance(a, b, degree, gamma, coef).value)
    return SubsetDistance(float(np.mean(values)), float(np.std(values)))


def polynomial(products: Tensor, d: int, degree: int, gamma: float | None, coef: float) -> Tensor:
    return ((1 / d if gamma is None else gamma) * products + coef) ** degree


def row_sums(x: Tensor, y: Tensor, *kernel) -> tuple[Tensor, Tensor]:
    """Sums of the kernel matrix k(x_i, y_j) over j, (N,), and over i, (M,), a few rows at a time."""
    rows, columns = [], torch.zeros(len(y), dtype=x.dtype, device=x.device)
    for part in x.split(ROWS):
        block = polynomial(part @ y.T, x.shape[1], *kernel)
        rows.append(block.sum(1))
        columns += block.sum(0)
    return torch.cat(rows), columns
