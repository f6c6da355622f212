"""`ldm evaluate`"""

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from ldm_tutorial import __version__
from ldm_tutorial.commands.common import (
    SAMPLERS,
    Checkpoint,
    Device,
    SamplerName,
    Spacing,
    at_least,
    data_of,
    load,
    name_of,
    parse,
    progress,
)
from ldm_tutorial.commands.measure import attributes_drawn, code_loss, loss_by_level, reconstruction
from ldm_tutorial.first_stage import CodePrior, KLAutoencoder, PlainAutoencoder
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.training import DataConfig, load_checkpoint
from ldm_tutorial.training.atomic import atomic_file
from ldm_tutorial.training.latent_cache import module_fingerprint
from ldm_tutorial.training.start import open_data


@dataclass(frozen=True)
class Evaluate:
    """Measure a checkpoint on images it was not trained on, and keep the record.

    First stages: PSNR, SSIM, perceptual distance, the mean and standard deviation of the latents, and of a
    codebook how many codes are used. Priors over codes: the loss in nats per code. Diffusion models: the loss
    by noise level; with captions of Peeps also how many of the attributes they mention the pictures have.
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
    for split in [options.split] if options.split else splits(model, data):
        if isinstance(model, LatentDiffusion):
            record[split] = diffusion(model, data, split, options)
        elif isinstance(model, CodePrior):
            record[split] = code_loss(model, open_data(data, split))
        else:
            record[split] = reconstruction(model, open_data(data, split))
        print(f"{name}, {split}: {sentence(record[split])}")
    record["seconds"] = round(time.time() - began, 1)
    out = options.out or Path("outputs/evaluate") / f"{name}.json"
    with atomic_file(out) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n")
    print(f"record: {out}")


def splits(model: nn.Module, data: DataConfig) -> list[str]:
    captions = isinstance(model, LatentDiffusion) and data.path is None and data.source == "peeps"
    return ["valid", "holdout"] if captions else ["valid"]


def diffusion(model: LatentDiffusion, data: DataConfig, split: str, options: Evaluate) -> dict:
    """The loss, and where captions come with attributes, how many of those the pictures have."""
    images = open_data(data, split)
    measured = loss_by_level(model, images, options.seed)
    if not {"caption", "attributes", "mentions"} <= set(images.table.columns):
        return measured
    classifier = load_checkpoint(options.classifier, next(model.parameters()).device)
    settings = {name: getattr(options, name) for name in ("steps", "guidance_scale", "eta", "seed")}
    settings |= {"sampler": SAMPLERS[options.sampler], "spacing": options.spacing}
    drawn = attributes_drawn(model, classifier, images, options.batch_size, progress(), **settings)
    settings |= {"sampler": settings["sampler"].__name__, "classifier": options.classifier}
    return measured | drawn | settings | {"classifier_weights": module_fingerprint(classifier)}


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
