"""What every distance asks of the features it is given."""

import numpy as np
import torch
from torch import Tensor


def check_features(features: Tensor, name: str = "features", at_least: int = 2) -> Tensor:
    """Features (N, d), a tensor, an array or a list, as float64.

    Raises ValueError for another shape, fewer than `at_least` rows, and values that are not finite.
    """
    if not isinstance(features, Tensor):
        features = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float64))
    features = features.detach()
    if features.ndim != 2 or features.shape[1] == 0:
        raise ValueError(f"{name} has shape {tuple(features.shape)}; (N, d) is accepted")
    if len(features) < at_least:
        rows = "is empty" if len(features) == 0 else f"has N = {len(features)}"
        raise ValueError(f"{name} {rows}; at least {at_least} samples are needed")
    bad = ~features.isfinite().all(1)
    if bad.any():
        raise ValueError(
            f"{name} holds NaN or infinity in {int(bad.sum())} of {len(bad)} rows, the first is row "
            f"{int(bad.nonzero()[0])}; look at the images of these rows"
        )
    return features.double()


def check_pair(samples: Tensor, reference: Tensor, at_least: int = 2) -> tuple[Tensor, Tensor]:
    """Both sets of features as float64 (N, d) and (M, d); ValueError also where d differs."""
    samples = check_features(samples, "samples", at_least)
    reference = check_features(reference, "reference", at_least)
    if samples.shape[1] != reference.shape[1]:
        raise ValueError(
            f"samples have {samples.shape[1]} features and reference has {reference.shape[1]}; "
            "both must come from the same layer of the same network"
        )
    return samples, reference
