"""Latents of a whole data set, computed once and kept on disk.

Diffusion training then never touches the first stage again: this is where most of the saving of
latent diffusion comes from. The file is named by what it depends on: the first stage's weights and
the data's fingerprint.
"""

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm.auto import tqdm

from ldm_tutorial.data import to_float
from ldm_tutorial.training.atomic import atomic_file


def module_fingerprint(module: nn.Module) -> str:
    """Hash of the config and of every weight."""
    digest = hashlib.sha256(repr(getattr(module, "config", None)).encode())
    for name, value in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


@torch.no_grad()
def cached_latents(first_stage, images, folder: Path, batch_size: int = 64, progress: bool = True) -> Tensor:
    """Scaled latents of all `images`: (N, c, h, w) float16, from `folder` where they are known already.

    Of a KL autoencoder the posterior's mean is kept: at the paper's KL weight its standard deviation
    is about a hundredth of the latents' own.
    """
    path = Path(folder) / f"latents-{module_fingerprint(first_stage)}-{images.fingerprint}.safetensors"
    if path.exists():
        try:
            with safe_open(path, "pt") as file:
                return file.get_tensor("latents")
        except SafetensorError:
            path.unlink()  # damaged: compute again
    device = next((p.device for p in first_stage.parameters()), torch.device("cpu"))
    parts = []
    for first in tqdm(range(0, len(images), batch_size), "encoding", disable=not progress, leave=False):
        indices = torch.arange(first, min(first + batch_size, len(images)))
        parts.append(first_stage.encode(to_float(images.pixels(indices)).to(device)).half().cpu())
    latents = torch.cat(parts)
    with atomic_file(path) as temporary:
        save_file({"latents": latents}, temporary)
    return latents
