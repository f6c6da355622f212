"""Features of many images, computed once and kept on disk under what they depend on."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from tqdm.auto import tqdm

from ldm_tutorial.data import ImageSet, to_uint8
from ldm_tutorial.data.remember import cache_folder
from ldm_tutorial.metrics.network import FeatureNetwork


def extract(
    network: FeatureNetwork,
    images: Tensor | ImageSet,
    parts: Sequence[str] = ("pooled",),
    batch_size: int = 50,
    folder: Path | None = None,
    progress: bool = True,
) -> dict[str, Tensor]:
    """Each of `parts` (pooled, spatial, logits) of every image as float32 (N, d), on the CPU.

    images: an ImageSet, or a tensor (N, 3, H, W), uint8 or floats in [-1, 1], which are rounded to uint8 as
        files are. folder: where features are kept, default in the cache, by the content of the images and the
        weights of the network; damaged files are computed again, and NaN is not kept.
    Raises ValueError where there are no images or the network has no such part, and for no batch size.
    """
    if len(images) == 0:
        raise ValueError("images is empty; at least one is needed")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; at least 1 is accepted")
    if isinstance(images, Tensor) and images.dtype != torch.uint8:
        images = to_uint8(images)
    folder = cache_folder() / "features" if folder is None else Path(folder)
    content = content_of(images)
    files = {part: folder / f"{network.fingerprint}-{content}-{part}.safetensors" for part in parts}
    found = {part: read(file) for part, file in files.items()}
    missing = [part for part in parts if found[part] is None]
    if missing:
        found |= computed(network, images, missing, batch_size, progress)
        for part in missing:
            if found[part].isfinite().all():
                keep(found[part], files[part])
    return {part: found[part] for part in parts}


@torch.inference_mode()
def computed(
    network: FeatureNetwork, images: Tensor | ImageSet, parts: list[str], batch_size: int, progress: bool
) -> dict[str, Tensor]:
    batches = {part: [] for part in parts}
    with tqdm(total=len(images), desc=network.labels.frechet, unit="image", disable=not progress) as bar:
        for first in range(0, len(images), batch_size):
            places = range(first, min(first + batch_size, len(images)))
            features = network(
                images[first : places.stop] if isinstance(images, Tensor) else images.pixels(places)
            )
            for part in parts:
                values = getattr(features, part)
                if values is None:
                    raise ValueError(f"{network.name} has no {part} features")
                batches[part].append(values.float().cpu())
            bar.update(len(places))
    return {part: torch.cat(values) for part, values in batches.items()}


def content_of(images: Tensor | ImageSet) -> str:
    """16 hex digits that change with any pixel, or with what a set's fingerprint changes with."""
    if not isinstance(images, Tensor):
        return images.fingerprint
    digest = hashlib.sha256(str(tuple(images.shape)).encode())
    digest.update(images.contiguous().cpu().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def read(file: Path) -> Tensor | None:
    try:
        with safe_open(file, "pt") as stream:
            return stream.get_tensor("features")
    except (OSError, SafetensorError):
        return None


def keep(features: Tensor, file: Path) -> None:
    """Write features whole or not at all; a full or read-only disk costs the time again, nothing else."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file({"features": features.contiguous()}, temporary)
        os.replace(temporary, file)
    except (OSError, SafetensorError):
        return
