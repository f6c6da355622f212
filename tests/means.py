"""A feature network that a test can foresee, and pictures for it."""

import numpy as np
import torch

from ldm_tutorial.metrics import Features, Labels


class Means:
    """Means of the quarters of a picture: 12 features, and counts of what it was asked."""

    name, resize, fingerprint = "means", "none", "0123456789abcdef"
    labels = Labels("FD-means", "KD-means", "sFD-means", "IS-means")

    def __init__(self):
        self.asked = 0

    def __call__(self, images):
        assert images.dtype == torch.uint8
        self.asked += len(images)
        pooled = torch.nn.functional.adaptive_avg_pool2d(images.float(), 2).flatten(1) / 255
        return Features(pooled, pooled.repeat(1, 2), 20 * pooled)


def pictures(n, seed=0, size=8, spread=1.0):
    colours = np.random.default_rng(seed).random((n, 3, 2, 2)) * spread
    quarters = torch.from_numpy((colours * 255).astype(np.uint8))
    return quarters.repeat_interleave(size // 2, 2).repeat_interleave(size // 2, 3)
