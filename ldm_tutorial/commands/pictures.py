"""Pictures on disk: one grid, or one file each."""

import json
from pathlib import Path

import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor
from tqdm import tqdm

from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.training.atomic import atomic_file
from ldm_tutorial.training.pictures import grid


def draw(model: LatentDiffusion, wishes, n: int, batch_size: int, bar: bool = True, seed: int = 0, **options):
    """`model.sample` with a progress bar over steps: (N, 3, H, W) in [-1, 1], on the CPU."""
    images = []
    batches = range(0, n, batch_size)
    with tqdm(total=len(batches) * options["steps"], unit="step", disable=not bar, leave=False) as counter:
        for first in batches:
            last = min(first + batch_size, n)
            part = None if wishes is None else wishes[first:last]
            for state in model.stream(part, last - first, seed=seed + first, **options):
                counter.update()
                z = state.z
            images.append(model.decode(z).cpu())
    return torch.cat(images)


def save(images: Tensor, out: Path, columns: int, record: dict) -> None:
    """Write images (N, 3, H, W) in [-1, 1]: to a .png as a grid, otherwise to a folder with one file each.

    `record` goes into the files, as the text chunk "ldm".
    """
    note = PngInfo()
    note.add_text("ldm", json.dumps(record))
    one = out.suffix.lower() == ".png"
    if out.suffix and not one:
        raise ValueError(f"--out is {out}; name a .png file, or a folder for one file an image")
    digits = len(str(len(images) - 1))
    files = (
        {out: images} if one else {out / f"{i:0{digits}}.png": images[i : i + 1] for i in range(len(images))}
    )
    for path, part in files.items():
        picture = Image.fromarray(grid(part, columns).permute(1, 2, 0).numpy())
        with atomic_file(path) as temporary:
            picture.save(temporary, format="PNG", pnginfo=note)
