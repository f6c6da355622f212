"""Checkpoints that share weights: a second stage need not carry another copy of its first stage.

Its config.json then names, for each part that was left out, the checkpoint whose weights they are and the
SHA-256 of that file, so that no other weights can take their place:

    python -m ldm_tutorial.training.shared outputs/peeps-edges data/checkpoints/peeps-edges \
        first_stage=peeps-kl-f4 unet=peeps-ldm:unet
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from ldm_tutorial.training.atomic import atomic_folder
from ldm_tutorial.training.checkpoint import digest, find_checkpoint, renamed


def share(source: Path, folder: Path, parts: Mapping[str, str]) -> Path:
    """Copy the checkpoint `source` to `folder` without `parts`, which stay in the checkpoints named.

    parts: name of a part of the model -> "checkpoint", or "checkpoint:part of it".
    Raises ValueError where the weights of a part are not bit for bit those of the other checkpoint.
    """
    source = find_checkpoint(source)
    config = json.loads((source / "config.json").read_text())
    weights = load_file(source / "model.safetensors")
    config["shared"] = {}
    for part, place in parts.items():
        name, _, inner = place.partition(":")
        file = find_checkpoint(name) / "model.safetensors"
        theirs = renamed(load_file(file), inner, part)
        ours = {key for key in weights if key.startswith(f"{part}.")}
        if ours != theirs.keys() or not all(torch.equal(weights[key], theirs[key]) for key in ours):
            raise ValueError(f"the {part} of {source} is not that of {place}; it cannot be shared")
        weights = {key: value for key, value in weights.items() if key not in ours}
        config["shared"][part] = {"checkpoint": name, "part": inner, "sha256": digest(file)}
    card = source / "README.md"
    with atomic_folder(Path(folder)) as temporary:
        (temporary / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        save_file(weights, temporary / "model.safetensors")
        if card.is_file():
            (temporary / "README.md").write_bytes(card.read_bytes())
    return Path(folder)


def main() -> None:
    source, folder, *parts = sys.argv[1:]
    written = share(Path(source), Path(folder), dict(part.split("=", 1) for part in parts))
    print(f"{written}: {(written / 'model.safetensors').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
