"""Mean and covariance of features that come in batches."""

import torch
from torch import Tensor

from ldm_tutorial.metrics.features import check_features


class Moments:
    """Mean and covariance in float64 of rows that are seen once and not kept (Chan et al. 1979).

    moments.update(features (B, d)); moments.merge(other); then .n, .mean (d,), .cov (d, d) with N - 1 below.
    Sums of squares would cancel; sums of squared differences from the running mean don't.
    """

    def __init__(self):
        self.n = 0
        self.mean = self.scatter = None

    def update(self, features: Tensor) -> "Moments":
        """Take in a batch (B, d) of at least one row; ValueError where it does not fit or is not finite."""
        features = check_features(features, at_least=1)
        batch = Moments()
        batch.n, batch.mean = len(features), features.mean(0)
        centred = features - batch.mean
        batch.scatter = centred.T @ centred
        return self.merge(batch)

    def merge(self, other: "Moments") -> "Moments":
        """Take in what another one has seen; ValueError where the numbers of features differ."""
        if other.n == 0:
            return self
        if self.n == 0:
            self.n, self.mean, self.scatter = other.n, other.mean.clone(), other.scatter.clone()
            return self
        if len(self.mean) != len(other.mean):
            raise ValueError(f"features have width {len(other.mean)}; those before had {len(self.mean)}")
        n = self.n + other.n
        shift = other.mean - self.mean
        self.scatter += other.scatter + torch.outer(shift, shift) * (self.n * other.n / n)
        self.mean += shift * (other.n / n)
        self.n = n
        return self

    @property
    def cov(self) -> Tensor:
        """Unbiased covariance (d, d); ValueError where fewer than two rows were seen."""
        if self.n < 2:
            raise ValueError(f"a covariance needs at least 2 samples; N = {self.n} were seen")
        return self.scatter / (self.n - 1)
