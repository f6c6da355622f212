"""Frechet distance of two Gaussians (Dowson and Landau 1982), on features of images: Heusel et al. 2017.

    |mean1 - mean2|^2 + tr(cov1) + tr(cov2) - 2 tr (cov1^1/2 cov2 cov1^1/2)^1/2

With cov = A A^T the last trace is the sum of the singular values of A1^T A2, and of the roots of the
eigenvalues of A1^T cov2 A1. Both are symmetric problems: no matrix square root, nothing complex, and no
epsilon on the diagonal where a covariance has no full rank. Of N <= d features A is the centred features
themselves, and N x N numbers are enough.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ldm_tutorial.metrics.features import check_features

EPSILON = torch.finfo(torch.float64).eps
WELL_CONDITIONED = 1e-5  # smallest over largest pivot, below which rounding might be taken for rank
BLOCK = 256  # columns of a triangular root that are multiplied at a time
TOLERANCE = 1e-6  # relative error of a distance, above which the slower and more exact way is taken


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """Squared 2-Wasserstein distance of two Gaussians: means (d,), covariances (d, d), tensors or arrays.

    For many distances to one reference make its `Gaussian` once: its root is kept.
    Raises ValueError for shapes that don't fit, values that are not finite, and what is no covariance.
    """
    return Gaussian.known(mean1, cov1).distance(Gaussian.known(mean2, cov2))


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A Gaussian in float64 with its root, which is computed on first use and kept.

    `cov` (d, d), or of N <= d features `thin` (d, N) with thin @ thin.T the covariance.
    """

    mean: Tensor
    cov: Tensor | None = None
    thin: Tensor | None = None

    @classmethod
    def known(cls, mean: Tensor, cov: Tensor) -> "Gaussian":
        """From a mean (d,) and a covariance (d, d); ValueError as for `frechet_distance`."""
        mean, cov = (torch.as_tensor(value, dtype=torch.float64).detach() for value in (mean, cov))
        cov = cov.reshape(1, 1) if cov.ndim == 0 else cov  # numpy.cov's of a single feature
        if mean.ndim != 1 or len(mean) == 0 or cov.shape != (len(mean), len(mean)):
            shapes = f"{tuple(mean.shape)} and {tuple(cov.shape)}"
            raise ValueError(f"mean and covariance have shapes {shapes}; (d,) and (d, d) are accepted")
        skew = cov - cov.T
        if not (mean.sum().isfinite() and cov.sum().isfinite()):
            raise ValueError("mean or covariance holds NaN or infinity; look for images with NaN features")
        allowed = cov.abs().mul_(1e-5).add_(1e-8 * cov.diagonal().abs().max())
        if (skew.abs() > allowed).any():
            raise ValueError("the covariance is not symmetric")
        return cls(mean, torch.sub(cov, skew, alpha=0.5))

    @classmethod
    def fitted(cls, features: Tensor) -> "Gaussian":
        """To features (N, d), N >= 2, with N - 1 below the covariance."""
        features = check_features(features)
        n, d = features.shape
        mean = features.mean(0)
        root = (features - mean).T / (n - 1) ** 0.5
        return cls(mean, thin=root) if n <= d else cls(mean, cov=root @ root.T)

    @cached_property
    def trace(self) -> Tensor:
        return self.cov.trace() if self.thin is None else self.thin.square().sum()

    @cached_property
    def root(self) -> Tensor:
        """A (d, r) with A @ A.T the covariance, r its rank; 0 above the diagonal unless it is `thin`.

        Cholesky's where the rank is full, in a tenth of the time that eigenvectors take.
        """
        if self.thin is not None:
            return self.thin
        root, failed = torch.linalg.cholesky_ex(self.cov)
        pivots = root.diagonal()
        if not failed and pivots.min() > WELL_CONDITIONED * pivots.max():
            return root
        values, vectors = torch.linalg.eigh(self.cov)
        check_positive(values)
        kept = values > values[-1] * len(values) * EPSILON
        return torch.linalg.qr((vectors[:, kept] * values[kept].sqrt()).T, mode="r").R.T

    def seen_from_root(self, cov: Tensor) -> Tensor:
        """A^T cov A (r, r) on and below the diagonal; in blocks, as half of a product is 0 or not needed."""
        if self.thin is not None:
            return self.thin.T @ cov @ self.thin
        root, r = self.root, self.root.shape[1]
        left, seen = cov.new_empty(r, len(cov)), cov.new_zeros(r, r)
        for start in range(0, r, BLOCK):
            part = slice(start, start + BLOCK)
            left[part] = root[start:, part].T @ cov[start:]
        for start in range(0, r, BLOCK):
            part = slice(start, start + BLOCK)
            seen[start:, part] = left[start:, start:] @ root[start:, part]
        return seen

    def distance(self, other: "Gaussian") -> float:
        """Frechet distance to another Gaussian, never below 0; ValueError where d differs."""
        if len(self.mean) != len(other.mean):
            widths = f"{len(self.mean)} and {len(other.mean)}"
            raise ValueError(f"the Gaussians have {widths} dimensions; both must be of the same features")
        apart = (self.mean - other.mean).square().sum() + self.trace + other.trace
        if self.thin is None or other.thin is None:
            thin, full = (other, self) if other.thin is not None else (self, other)
            values = torch.linalg.eigvalsh(thin.seen_from_root(full.cov))  # reads no more than one half
            check_positive(values)
            distance = apart - 2 * values.clamp(min=0).sqrt().sum()
            if rounding(values) <= TOLERANCE * distance:
                return float(distance)
        overlap = torch.linalg.svdvals(self.root.T @ other.root).sum()
        return max(float(apart - 2 * overlap), 0.0)


def rounding(values: Tensor) -> float:
    """About what rounding eigenvalues does to twice the sum of their roots.

    They are exact to a few epsilon of the largest: errors of the roots cancel in part, but for those of
    eigenvalues below that, which are cut off at 0.
    """
    if len(values) == 0:
        return 0.0
    noise = 4 * EPSILON * values[-1].clamp(min=0)
    lost = values <= noise
    errors = noise / values[~lost].sqrt()
    return float(errors.square().sum().sqrt() + lost.sum() * noise.sqrt())


def check_positive(values: Tensor) -> None:
    """Raises ValueError where eigenvalues in rising order are below 0 by more than float32 rounds."""
    if len(values) and values[0] < -1e-5 * values[-1].abs():
        raise ValueError(
            f"a covariance has the eigenvalue {values[0]:.3g} beside {values[-1]:.3g}; none may be negative"
        )
