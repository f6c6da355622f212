"""Sizes of latents for lesson 03: in numbers, in bits, those of the paper, and what `make bench` measured."""

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from ldm_tutorial.data import bundled
from ldm_tutorial.first_stage import KLAutoencoder, VQAutoencoder

# Rombach et al. 2022 and the original release: first stages for images of 256 pixels, measured on ImageNet.
PAPER = (
    {"model": "kl-f4", "f": 4, "channels": 3, "codes": "-", "PSNR, dB": 27.53, "rFID": 0.27},
    {"model": "kl-f8", "f": 8, "channels": 4, "codes": "-", "PSNR, dB": 24.19, "rFID": 0.90},
    {"model": "kl-f16", "f": 16, "channels": 16, "codes": "-", "PSNR, dB": 24.08, "rFID": 0.87},
    {"model": "kl-f32", "f": 32, "channels": 64, "codes": "-", "PSNR, dB": 22.27, "rFID": 2.04},
    {"model": "vq-f4", "f": 4, "channels": 3, "codes": "8,192", "PSNR, dB": 27.43, "rFID": 0.58},
    {"model": "vq-f8", "f": 8, "channels": 4, "codes": "16,384", "PSNR, dB": 23.07, "rFID": 1.14},
    {"model": "vq-f16", "f": 16, "channels": 8, "codes": "16,384", "PSNR, dB": 20.83, "rFID": 5.15},
)


def numbers(stage: nn.Module, size: int) -> int:
    """How many numbers the latent of an RGB image of `size` pixels a side has; for a codebook, codes."""
    places = (size // stage.downsampling) ** 2
    return places if isinstance(stage, VQAutoencoder) else places * stage.latent_channels


@torch.no_grad()
def bits(stage: nn.Module, images: Tensor) -> float:
    """Bits that the latent of an image says, on average over `images` (B, 3, H, W).

    A code of K: log2 K. A sample of a Gaussian posterior: its KL to N(0, 1), in bits. A number of an image
    itself, where there is no latent: 8. ValueError for other first stages, whose latents have no such size.
    """
    count = numbers(stage, images.shape[-1])
    if isinstance(stage, VQAutoencoder):
        return count * math.log2(stage.config.codes)
    if isinstance(stage, KLAutoencoder):
        return stage.posterior(images).kl().mean().item() / math.log(2)
    if stage.downsampling == 1:
        return 8.0 * count
    raise ValueError(
        f"stage is a {type(stage).__name__}; bits are known of KL and VQ autoencoders and pixels"
    )


def benchmark(columns: list[str], path: Path | None = None) -> list[dict[str, str]]:
    """These columns of the table "Rate and distortion of the first stages" that `make bench` writes.

    One dict for each first stage, in the order of the file. ValueError where the file lacks the section or a
    column; `make bench` writes both.
    """
    path = path or bundled("checkpoints").parents[1] / "benchmarks" / "RESULTS.md"
    _, _, section = path.read_text(encoding="utf-8").partition(
        "\n## Rate and distortion of the first stages\n"
    )
    lines = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("|")]
    head, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines] or [[], []]
    if missing := [column for column in columns if column not in head]:
        raise ValueError(f"columns has {missing}, but the table in {path.name} has {head}; run make bench")
    return [{column: row[head.index(column)] for column in columns} for row in body]
