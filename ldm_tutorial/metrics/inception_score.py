"""Inception score (Salimans et al. 2016): are single pictures recognisable, and all together diverse?"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ldm_tutorial.metrics.features import check_features


class InceptionScore(NamedTuple):
    mean: float
    std: float


def inception_score(logits: Tensor, splits: int = 10, seed: int | None = 2020) -> InceptionScore:
    """exp of the mean KL(p(y|x) || p(y)) over logits (N, classes): mean and deviation over `splits` parts.

    Between 1 and the number of classes. It never sees a real picture. The order is shuffled first by `seed`,
    as torch-fidelity shuffles, or left as it is (None). The score grows with N / splits: state both.
    Raises ValueError for fewer samples than splits, and NaN.
    """
    logits = check_features(logits, "logits", at_least=1)
    n = len(logits)
    if not 1 <= splits <= n:
        raise ValueError(f"splits is {splits}; from 1 to N = {n} is accepted")
    if seed is not None:
        logits = logits[np.random.RandomState(seed).permutation(n)]
    logp = logits.log_softmax(1)
    scores = []
    for i in range(splits):
        part = logp[i * n // splits : (i + 1) * n // splits]
        marginal = part.logsumexp(0) - np.log(len(part))
        scores.append((part.exp() * (part - marginal)).sum(1).mean().exp())
    scores = torch.stack(scores)
    return InceptionScore(float(scores.mean()), float(scores.std(unbiased=False)))
