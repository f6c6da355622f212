"""Trained models as folders: `config.json`, `model.safetensors` (float16) and a card.

Plain numbers and tensors only: reading one can't run code. Loading checks that the names and shapes
are those of the model that the config describes, and says which are not.
"""

import dataclasses
import hashlib
import json
from difflib import get_close_matches
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ldm_tutorial.conditioning import ENCODERS, ComposedConfig, PartConfig
from ldm_tutorial.data import bundled
from ldm_tutorial.first_stage import (
    CodePrior,
    KLAutoencoder,
    KLConfig,
    PlainAutoencoder,
    PlainConfig,
    PriorConfig,
    VQAutoencoder,
    VQConfig,
)
from ldm_tutorial.latent_diffusion import LatentDiffusion, LatentDiffusionConfig, ScheduleConfig
from ldm_tutorial.metrics.attributes import AttributeClassifier, AttributeClassifierConfig
from ldm_tutorial.training.atomic import atomic_folder
from ldm_tutorial.unet import ControlConfig, UNetConfig

MODELS = {
    KLConfig: KLAutoencoder,
    PlainConfig: PlainAutoencoder,
    VQConfig: VQAutoencoder,
    PriorConfig: CodePrior,
    LatentDiffusionConfig: LatentDiffusion,
    AttributeClassifierConfig: AttributeClassifier,
}
CONFIGS = (*MODELS, *ENCODERS, ComposedConfig, PartConfig, UNetConfig, ControlConfig, ScheduleConfig)


def save_checkpoint(model: nn.Module, folder: Path, card: str = "") -> Path:
    """Write `model` (one with a `.config`) to `folder`, whole or not at all."""
    weights = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    weights = {k: v.half() if v.is_floating_point() else v for k, v in weights.items()}
    with atomic_folder(Path(folder)) as temporary:
        (temporary / "config.json").write_text(json.dumps(to_json(model.config), indent=1) + "\n")
        save_file(weights, temporary / "model.safetensors")
        if card:
            (temporary / "README.md").write_text(card)
    return Path(folder)


def load_checkpoint(source: str | Path, device: str | torch.device = "cpu") -> nn.Module:
    """The model in a folder, or the bundled one of that name, in float32 and evaluation mode.

    Raises FileNotFoundError where there is none (naming near matches) and ValueError where it is
    damaged or doesn't fit its config.
    """
    folder = find_checkpoint(source)
    try:
        described = json.loads((folder / "config.json").read_text())
        shared = described.pop("shared", {})
        config = from_json(described)
        weights = load_file(folder / "model.safetensors")
        for part, place in shared.items():
            weights |= shared_weights(folder, part, **place)
    except (json.JSONDecodeError, SafetensorError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"checkpoint {folder} is damaged: {error}") from None
    with torch.device("meta"):
        model = MODELS[type(config)](config)
    expected = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    found = {k: tuple(v.shape) for k, v in weights.items()}
    wrong = [k for k in expected.keys() | found.keys() if expected.get(k) != found.get(k)]
    if wrong:
        name = min(wrong)
        said = f"{name} should be {expected.get(name, 'absent')} and is {found.get(name, 'missing')}"
        raise ValueError(f"checkpoint {folder} does not fit its config at {len(wrong)} weights; {said}")
    model = MODELS[type(config)](config)
    model.load_state_dict(weights)
    return model.to(device).eval().requires_grad_(False)


def shared_weights(
    folder: Path, name: str, checkpoint: str, part: str, sha256: str
) -> dict[str, torch.Tensor]:
    """The weights of the part `name`, which the checkpoint in `folder` does not hold but another one does.

    That one lies beside it or is bundled, and must be the very file of which `sha256` was taken.
    """
    beside = folder.parent / checkpoint
    file = (beside if beside.is_dir() else find_checkpoint(checkpoint)) / "model.safetensors"
    if digest(file) != sha256:
        raise ValueError(
            f"checkpoint {folder} shares its {name} with {checkpoint}, which is not the one it was made with"
        )
    return renamed(load_file(file), part, name)


def renamed(weights: dict[str, torch.Tensor], part: str, name: str) -> dict[str, torch.Tensor]:
    """The weights of a `part` ("" for all of them) under the `name` that it has in another model."""
    prefix = f"{part}." if part else ""
    return {f"{name}.{k.removeprefix(prefix)}": v for k, v in weights.items() if k.startswith(prefix)}


def digest(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def find_checkpoint(source: str | Path) -> Path:
    """Folder of a checkpoint given as a folder, as a run's folder, or as the name of a bundled one."""
    source = Path(source)
    candidates = [source, source / "checkpoint"]
    if len(source.parts) == 1:
        candidates.append(bundled("checkpoints") / source)
    for folder in candidates:
        if (folder / "config.json").is_file() and (folder / "model.safetensors").is_file():
            return folder
    known = sorted(p.parent.name for p in bundled("checkpoints").glob("*/config.json"))
    near = get_close_matches(source.name, known, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"bundled are {', '.join(known)}"
    raise FileNotFoundError(f"no checkpoint at {source} (config.json and model.safetensors); {hint}")


def to_json(value):
    """Nested config dataclasses to plain values, each with its `kind`."""
    if dataclasses.is_dataclass(value):
        fields = {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"kind": type(value).__name__, **fields}
    return [to_json(v) for v in value] if isinstance(value, tuple | list) else value


def from_json(value):
    """The inverse of to_json. Raises KeyError for a kind that is not one of CONFIGS."""
    if isinstance(value, dict):
        kind = {c.__name__: c for c in CONFIGS}[value["kind"]]
        return kind(**{k: from_json(v) for k, v in value.items() if k != "kind"})
    return tuple(from_json(v) for v in value) if isinstance(value, list) else value
