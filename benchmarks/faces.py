"""The images that models are trained on and compared with: portraits, and faces where there are any."""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.experiments import kept
from ldm_tutorial import __version__
from ldm_tutorial.commands.distances import measured
from ldm_tutorial.commands.reconstruct import reconstruct
from ldm_tutorial.data import ImageSet, open_images, to_float, to_uint8
from ldm_tutorial.metrics import Lite0Features

SETS = {"peeps": "portraits", "celeba64": "faces"}
CELEBA = Path(__file__).parents[2] / "shared" / "data" / "celeba64"  # it may not be bundled
SIZE = 64
IMAGES = 12_000  # to train on, where sets are compared: as many portraits as there are


def available() -> list[str]:
    return [data for data in SETS if data == "peeps" or CELEBA.exists()]


@cache
def validation(data: str, n: int) -> ImageSet:
    """The first n validation images."""
    return open_images(data, "valid", SIZE, limit=n)


@cache
def features() -> Lite0Features:
    return Lite0Features()


def looked_at() -> dict:
    """With which network, and of which size, for the settings of an experiment."""
    network = features()
    return {
        "image_size": SIZE,
        "features": network.name,
        "feature_weights": network.fingerprint,
        "resize": network.resize,
    }


def distances(samples: Tensor, reference: ImageSet) -> dict:
    """The figures of samples (N, 3, H, W) in [-1, 1], by name, without density and coverage."""
    values = measured(to_uint8(samples), reference, features()).values
    return {name: value for name, value in values.items() if name not in ("density", "coverage")}


def real_distances(data: str, n: int, reference: int) -> dict:
    """The same of n real images after the reference's: what cannot be told apart."""

    def measure() -> dict:
        others = validation(data, reference + n).pixels(torch.arange(reference, reference + n))
        values = measured(others, validation(data, reference), features()).values
        return {name: value for name, value in values.items() if name not in ("density", "coverage")}

    of = {"real": validation(data, reference + n).fingerprint, "n": n, "reference": reference}
    return kept(of | {"network": features().fingerprint, "version": __version__}, measure)


@torch.no_grad()
def distances_of_copies(first_stage: nn.Module, data: str, n: int, reference: int) -> dict:
    """The same of a first stage's reconstructions of these images: what its decoder leaves to be reached."""
    originals = to_float(validation(data, reference + n).pixels(torch.arange(reference, reference + n)))
    return distances(reconstruct(first_stage, originals), validation(data, reference))
