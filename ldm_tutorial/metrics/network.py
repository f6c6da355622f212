"""What a distance needs of a feature network, whichever it is."""

import hashlib
from typing import NamedTuple, Protocol

from torch import Tensor, nn


class Features(NamedTuple):
    """`pooled` (B, d): what is in the picture. `spatial` (B, s): also where. `logits` (B, classes)."""

    pooled: Tensor
    spatial: Tensor | None = None
    logits: Tensor | None = None


class Labels(NamedTuple):
    """What the figures over a network's features are called; "FID" is one network's name and no other's."""

    frechet: str
    kernel: str
    spatial: str
    score: str


class FeatureNetwork(Protocol):
    """uint8 images (B, 3, H, W) to float32 Features; resizing is its own affair."""

    name: str  # of network and weights
    labels: Labels
    resize: str  # the filter and size that images are brought to
    fingerprint: str  # changes with the weights and the resizing

    def __call__(self, images: Tensor) -> Features: ...


def fingerprint(module: nn.Module, *more: str) -> str:
    """16 hex digits over every weight of a module, and what else is to be told apart."""
    digest = hashlib.sha256(" ".join(more).encode())
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def check_pixels(images: Tensor) -> None:
    """Raises TypeError or ValueError where images are not uint8 (B, 3, H, W)."""
    if str(images.dtype) != "torch.uint8":
        raise TypeError(f"images are {images.dtype}; a feature network reads uint8, see data.to_uint8")
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images have shape {tuple(images.shape)}; (B, 3, H, W) is accepted")
