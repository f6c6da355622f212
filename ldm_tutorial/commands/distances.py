"""Distances between sets of pictures, as the commands measure them."""

import sys
import warnings
from typing import Literal

import torch
from torch import Tensor

from ldm_tutorial.commands.common import SAMPLERS, progress
from ldm_tutorial.commands.pictures import draw
from ldm_tutorial.data import ImageSet
from ldm_tutorial.first_stage import CodePrior
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics import (
    FeatureNetwork,
    FewSamplesWarning,
    InceptionFeatures,
    Lite0Features,
    Measurement,
    compare,
)
from ldm_tutorial.metrics.resize import Resize

Network = Literal["lite0", "inception"]


def feature_network(name: Network, resize: Resize, device: torch.device) -> FeatureNetwork:
    """EfficientNet-Lite0, or InceptionV3 with images resized as `resize` does it."""
    network = InceptionFeatures(resize) if name == "inception" else Lite0Features()
    return network.to(device)


def network_if_there(
    name: Literal["lite0", "inception", "none"], resize: Resize, device: torch.device
) -> FeatureNetwork | None:
    """The same; None, with a warning on the terminal, where lite0's packages are missing."""
    try:
        return None if name == "none" else feature_network(name, resize, device)
    except ModuleNotFoundError as error:
        print(f"ldm: warning: distances are left out: {error}", file=sys.stderr)
        return None


def measured(
    samples: Tensor | ImageSet, reference: Tensor | ImageSet, network: FeatureNetwork, **options
) -> Measurement:
    """`compare`, with its warning shown however warnings are filtered."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", FewSamplesWarning)
        return compare(samples, reference, network, progress=progress(), **options)


def drawn_pictures(
    model: LatentDiffusion | CodePrior, wishes: list | None, n: int, batch_size: int, sampling: dict
) -> Tensor:
    """Pictures (N, 3, H, W) in [-1, 1] from wishes, or n without; `sampling` as `recorded` reads it."""
    if isinstance(model, CodePrior):
        return model.sample(n, seed=sampling["seed"], batch_size=batch_size).cpu()
    return draw(model, wishes, n, batch_size, progress(), **sampling)


def sampling_of(options) -> dict:
    """What `LatentDiffusion.stream` is asked for, from a command's options of these names."""
    names = ("steps", "guidance_scale", "eta", "seed", "spacing")
    return {name: getattr(options, name) for name in names} | {"sampler": SAMPLERS[options.sampler]}


def recorded(model: LatentDiffusion | CodePrior, sampling: dict) -> dict:
    """How pictures were drawn, for the record: sampler, spacing, steps, eta, guidance_scale, seed."""
    if isinstance(model, CodePrior):
        return {"sampler": "codes, one after the other", "seed": sampling["seed"]}
    return sampling | {"sampler": sampling["sampler"].__name__}
