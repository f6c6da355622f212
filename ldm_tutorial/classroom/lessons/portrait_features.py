"""What a small network sees in portraits, so that sets of them can be compared."""

import torch
from torch import Tensor

from ldm_tutorial.metrics import AttributeClassifier


@torch.no_grad()
def features(classifier: AttributeClassifier, images: Tensor, batch_size: int = 250) -> Tensor:
    """The numbers from which the classifier names attributes: (N, 3, H, W) -> (N, hidden), on the CPU."""
    parts = [classifier.mix(classifier.features(part)).cpu() for part in images.split(batch_size)]
    return torch.cat(parts)
