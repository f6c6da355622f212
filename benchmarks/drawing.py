"""What a model draws from captions of Peeps, judged as `ldm evaluate` judges it, and kept."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.device import DEVICE
from benchmarks.experiments import kept
from ldm_tutorial import __version__
from ldm_tutorial.commands.distances import drawn_pictures, measured, recorded
from ldm_tutorial.commands.measure import attributes_drawn
from ldm_tutorial.data import ImageSet, open_images, to_float, to_uint8
from ldm_tutorial.diffusion import DPMSolverPP2M
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics import AttributeClassifier, Lite0Features
from ldm_tutorial.training import load_checkpoint, wishes_of
from ldm_tutorial.training.latent_cache import module_fingerprint

N = 500  # captions of each split
SIZE = 64
BATCH = 50
CLASSIFIER = "peeps-attributes"
SAMPLING = {"sampler": DPMSolverPP2M, "steps": 15, "spacing": "trailing", "eta": 0.0, "seed": 0}
SHARES = {"accuracy", "accuracy_holdout", "valid", "holdout", "edges met", "edges right"}


def drawn(model: LatentDiffusion, split: str, n: int, distances: bool = True, **sampling) -> dict:
    """Accuracy of pictures drawn from the first n captions of a split, and their distances to its images.

    sampling: in place of SAMPLING's; picture i begins with the noise of seed + i, whatever else is asked for.
    """
    images, sampling = open_images("peeps", split, SIZE, limit=n), SAMPLING | sampling

    def measure() -> dict:
        pictures = drawn_pictures(model, wishes_of(model, images), n, BATCH, sampling)
        return judged(pictures, images, to_uint8(pictures) if distances else None)

    of = recorded(model, sampling) | {"weights": module_fingerprint(model), "images": images.fingerprint}
    return kept(of | judges(distances), measure)


def real(split: str, n: int, distances: bool = True) -> dict:
    """The same of real images: accuracy of the first n, and the distances of the n after them to these."""
    images = open_images("peeps", split, SIZE, limit=n)

    def measure() -> dict:
        others = open_images("peeps", split, SIZE, limit=2 * n).pixels(range(n, 2 * n)) if distances else None
        return judged(to_float(images.pixels()), images, others)

    return kept({"real": images.fingerprint} | judges(distances), measure)


def judged(pictures: Tensor, images: ImageSet, compared: Tensor | None) -> dict:
    """Whether pictures have what the captions of `images` mention; distances of `compared` to `images`."""
    found = {"accuracy": attributes_drawn(classifier(), images, pictures)["accuracy"]}
    if compared is not None:
        found |= measured(compared, images, features()).values
    return found


def judges(distances: bool) -> dict:
    """What a judgement depends on beside the pictures."""
    network = features().fingerprint if distances else None
    return {"classifier": module_fingerprint(classifier()), "network": network, "version": __version__}


def loaded(source: str | Path) -> LatentDiffusion:
    """A model in channels_last, in which a guided pass took a fifth less time on a CPU."""
    return load_checkpoint(source, DEVICE).to(memory_format=torch.channels_last)


@cache
def classifier() -> AttributeClassifier:
    return load_checkpoint(CLASSIFIER, DEVICE)


@cache
def features() -> Lite0Features:
    return Lite0Features().to(DEVICE)


def settings(n: int, **more) -> dict:
    """What stands beside the rows, so that they can be measured again."""
    return more | {
        "captions": f"the first {n} of each split",
        "reference": f"the {n} valid images whose captions are drawn",
        "image_size": SIZE,
        "features": features().name,
        "resize": features().resize,
        "classifier": CLASSIFIER,
    }


def cells(row: dict, measures: Sequence[str]) -> list[str]:
    """Numbers as a table shows them: shares in percent, a kernel distance with its standard error."""
    return [cell(row, measure) for measure in measures]


def cell(row: dict, measure: str) -> str:
    if measure in SHARES:
        return f"{row[measure]:.1%}"
    if measure == "KD-lite0":
        return f"{row[measure]:.4f} ± {row[f'{measure} standard error']:.4f}"
    return f"{row[measure]:.1f}" if measure == "FD-lite0" else f"{row[measure]:.3f}"
