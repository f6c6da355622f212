"""`ldm evaluate`"""

import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from tyro.conf import arg

from ldm_tutorial import __version__
from ldm_tutorial.commands.common import (
    Checkpoint,
    Device,
    SamplerName,
    Spacing,
    at_least,
    data_of,
    load,
    name_of,
    parse,
)
from ldm_tutorial.commands.distances import (
    drawn_pictures,
    measured,
    network_if_there,
    recorded,
    sampling_of,
)
from ldm_tutorial.commands.measure import attributes_drawn, code_loss, loss_by_level, reconstruction
from ldm_tutorial.commands.reconstruct import reconstruct
from ldm_tutorial.data import ImageSet, to_float, to_uint8
from ldm_tutorial.first_stage import CodePrior, KLAutoencoder, PlainAutoencoder
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics.compare import FEWEST
from ldm_tutorial.metrics.resize import Resize
from ldm_tutorial.training import DataConfig, load_checkpoint, wishes_of
from ldm_tutorial.training.atomic import atomic_file
from ldm_tutorial.training.latent_cache import module_fingerprint
from ldm_tutorial.training.start import open_data


@dataclass(frozen=True)
class Evaluate:
    """Measure a checkpoint on images it was not trained on, and keep the record.

    First stages: PSNR, SSIM, perceptual distance, the mean and standard deviation of the latents, and of a
    codebook how many codes are used. Priors over codes: the loss in nats per code. Diffusion models: the loss
    by noise level; with captions of Peeps also how many of the attributes they mention the pictures have.
    Of all of them the distances of what they draw, or give back, to the real images: Frechet and kernel
    distance, precision, recall, density and coverage.
    """

    checkpoint: Checkpoint
    """a bundled checkpoint (peeps-kl-f4, peeps-ldm ...) or the folder of a run"""
    n: int = 500
    """images, or captions to draw; figures over fewer are noise, and N stands beside each"""
    guidance_scale: float = 3.0
    """how far the captions are followed; what is best is found by trying"""
    steps: int = 50
    """denoising steps"""
    eta: float = 0.0
    """for the sampler ddim, the share of fresh noise at every step"""
    sampler: SamplerName = "ddim"
    """how noise becomes a picture"""
    spacing: Spacing = "trailing"
    """which noise levels the steps visit"""
    seed: int = 0
    """of the first picture; picture i comes from seed + i"""
    features: Literal["lite0", "inception", "none"] = "lite0"
    """network that distances are measured in: lite0 works offline, inception gives FID and is downloaded"""
    resize: Resize = "torch-fidelity"
    """for inception, whose FID it is to be compared with"""
    reference_n: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """real images that distances are measured to; default: those whose captions are drawn, n of them"""
    split: Literal["valid", "holdout"] | None = None
    """default: valid, and for captions of Peeps also holdout, combinations that training never saw"""
    data: str | None = None
    """a set or a path; default: what the checkpoint was trained on"""
    classifier: str = "peeps-attributes"
    """checkpoint that reads attributes off pictures"""
    out: Path | None = None
    """JSON record; default: outputs/evaluate/NAME.json"""
    batch_size: int = 64
    device: Device = "auto"


def main(arguments: list[str]) -> None:
    options = parse(Evaluate, "evaluate", arguments)
    at_least("n", options.n)
    at_least("batch-size", options.batch_size)
    if options.reference_n is not None:
        at_least("reference-n", options.reference_n, FEWEST)
    accepted = (KLAutoencoder, PlainAutoencoder, CodePrior, LatentDiffusion)
    model = load(options.checkpoint, options.device, accepted, "evaluate")
    name = name_of(options.checkpoint)
    data = replace(data_of(options.checkpoint, options.data, None), limit=options.n)
    if isinstance(model, LatentDiffusion | CodePrior):
        data = replace(data, size=model.config.image_size)
    record = {
        "checkpoint": name,
        "weights": module_fingerprint(model),
        "data": data.path or data.source,
        "image_size": data.size,
        "versions": {"ldm_tutorial": __version__, "torch": torch.__version__},
        "device": str(next(model.parameters()).device),
    }
    began = time.time()
    network = network_if_there(options.features, options.resize, next(model.parameters()).device)
    for split in [options.split] if options.split else splits(model, data):
        images = open_data(data, split)
        figures, pictures, how = evaluated(model, images, options, with_pictures=network is not None)
        print(f"{name}, {split}: {sentence(figures)}")
        if network is not None and len(images) < FEWEST:
            few = f"there are {len(images)} images, and {FEWEST} are needed"
            print(f"ldm: warning: distances are left out: {few}", file=sys.stderr)
        if pictures is not None and network is not None and len(images) >= FEWEST:
            n = options.reference_n
            reference = images if n is None else open_data(replace(data, limit=n), split)
            said = {"sampling": how, "names": (name, images.table.title)}
            measurement = measured(to_uint8(pictures), reference, network, **said)
            figures |= {"distances": measurement.record()}
            print(f"{name}, {split}: {measurement.line()}")
        record[split] = figures
    record["seconds"] = round(time.time() - began, 1)
    out = options.out or Path("outputs/evaluate") / f"{name}.json"
    with atomic_file(out) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n")
    print(f"record: {out}")


def splits(model: nn.Module, data: DataConfig) -> list[str]:
    captions = isinstance(model, LatentDiffusion) and data.path is None and data.source == "peeps"
    return ["valid", "holdout"] if captions else ["valid"]


def evaluated(
    model: nn.Module, images: ImageSet, options: Evaluate, with_pictures: bool
) -> tuple[dict, Tensor | None, dict]:
    """The figures of one split, the pictures that the model drew or gave back, and how it did that."""
    sampling = sampling_of(options)
    enough = with_pictures and len(images) >= FEWEST
    if isinstance(model, LatentDiffusion):
        figures = loss_by_level(model, images, options.seed)
        judged = {"caption", "attributes", "mentions"} <= set(images.table.columns)
        if not (judged or enough):
            return figures, None, {}
        how, asked = recorded(model, sampling), wishes_of(model, images)
        pictures = drawn_pictures(model, asked, len(images), options.batch_size, sampling)
        if judged:
            classifier = load_checkpoint(options.classifier, next(model.parameters()).device)
            figures |= attributes_drawn(classifier, images, pictures) | how
            weights = module_fingerprint(classifier)
            figures |= {"classifier": options.classifier, "classifier_weights": weights}
        return figures, pictures, how
    if isinstance(model, CodePrior):
        n = len(images)
        pictures = drawn_pictures(model, None, n, options.batch_size, sampling) if enough else None
        return code_loss(model, images), pictures, recorded(model, sampling)
    copies = reconstruct(model, to_float(images.pixels()))
    return reconstruction(model, images, copies), copies, {"pictures": "reconstructions"}


def sentence(measured: dict) -> str:
    """The record of one split, in a line a reader can quote."""
    m = measured
    if "psnr" in m:
        mean, std = (", ".join(f"{v:.2f}" for v in m[key]) for key in ("latent_mean", "latent_std"))
        quality = f"PSNR {m['psnr']:.2f} dB, SSIM {m['ssim']:.3f} over {m['n']} images"
        if "perceptual" in m:
            quality += f", perceptual distance {m['perceptual']:.3f}"
        if "code_usage" in m:
            quality += f"; {m['code_usage']:.0%} of the codes used, perplexity {m['code_perplexity']:.0f}"
        return f"{quality}; latents of mean {mean} and std {std}, by channel"
    if "nats_per_code" in m:
        return f"{m['nats_per_code']:.3f} nats per code over {m['n']} images"
    text = f"loss {m['loss']:.4f} over {m['n']} images"
    if "accuracy" in m:
        how = f"{m['steps']} {m['sampler']} steps, eta {m['eta']:g}, "
        how += f"guidance {m['guidance_scale']:g}, seed {m['seed']}"
        kinds = ", ".join(f"{kind} {k['accuracy']:.0%} of {k['n']}" for kind, k in m["kinds"].items())
        text += f"; of the attributes mentioned {m['accuracy']:.1%} are right, averaged over kinds ("
        text += f"{m['n']} captions, {how}; on the real images {m['accuracy_on_real_images']:.1%}): {kinds}"
    return text
