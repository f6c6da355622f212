"""`ldm reconstruct`"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from ldm_tutorial.commands.common import Checkpoint, Device, at_least, data_of, load, parse
from ldm_tutorial.commands.pictures import save
from ldm_tutorial.data import to_float
from ldm_tutorial.first_stage import CodePrior, KLAutoencoder, PlainAutoencoder
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics import psnr
from ldm_tutorial.training import DataConfig
from ldm_tutorial.training.start import open_data


@dataclass(frozen=True)
class Reconstruct:
    """Send images through a first stage and back: originals above, reconstructions below."""

    checkpoint: Checkpoint
    """a bundled checkpoint (peeps-kl-f4, celeba64-kl-f4 ...) or the folder of a run"""
    data: str | None = None
    """a set (peeps, celeba64 ...) or a folder of images; default: what the checkpoint was trained on"""
    split: str | None = None
    """train, valid, all ...; default: valid for a set, all for a path"""
    n: int = 8
    """how many images"""
    size: int | None = None
    """pixels a side; default: the set's own"""
    out: Path = Path("outputs/reconstructions.png")
    """a .png file for one grid, or a folder for one file an image"""
    device: Device = "auto"


def main(arguments: list[str]) -> None:
    options = parse(Reconstruct, "reconstruct", arguments)
    at_least("n", options.n)
    accepted = (KLAutoencoder, PlainAutoencoder, CodePrior, LatentDiffusion)
    model = load(options.checkpoint, options.device, accepted, "reconstruct")
    model = getattr(model, "first_stage", model)
    data = data_of(options.checkpoint, options.data, options.size)
    images = open_data(replace(data, limit=options.n), options.split or default_split(data))
    originals = to_float(images.pixels())
    copies = reconstruct(model, originals)
    quality = psnr(copies, originals).mean()
    save(interleaved(originals, copies), options.out, min(8, len(images)), {"checkpoint": options.checkpoint})
    n, title = len(images), images.table.title
    print(f"PSNR {quality:.2f} dB, the mean over {n} images of {title}; in {options.out}")


def default_split(data: DataConfig) -> str:
    return "all" if data.path or Path(data.source).exists() else "valid"


@torch.no_grad()
def reconstruct(first_stage: nn.Module, images: Tensor, batch_size: int = 64) -> Tensor:
    """decode(encode(x)) of (N, 3, H, W) in [-1, 1], batch by batch, on the CPU."""
    device = next((p.device for p in first_stage.parameters()), torch.device("cpu"))
    parts = [first_stage.decode(first_stage.encode(part.to(device))) for part in images.split(batch_size)]
    return torch.cat(parts).clamp(-1, 1).cpu()


def interleaved(originals: Tensor, copies: Tensor, columns: int = 8) -> Tensor:
    """Rows of originals, each followed by the row of its copies; a short last row is filled up with white."""
    if len(originals) <= columns:
        return torch.cat([originals, copies])
    missing = -len(originals) % columns
    white = torch.ones(missing, *originals.shape[1:])
    rows = [torch.cat([x, white]).split(columns) for x in (originals, copies)]
    return torch.cat([row for pair in zip(*rows, strict=True) for row in pair])
