"""`ldm info`"""

import json
from dataclasses import dataclass

from torch import nn

from ldm_tutorial.commands.common import Checkpoint, parse
from ldm_tutorial.commands.network import show_network
from ldm_tutorial.conditioning import AttributeConditioner, CaptionConditioner, ComposedConditioner
from ldm_tutorial.first_stage import CodePrior
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics import AttributeClassifier
from ldm_tutorial.training import find_checkpoint, load_checkpoint

FEW = 8  # entries of a long list that are shown


@dataclass(frozen=True)
class Info:
    """Say what is in a checkpoint; refuse a damaged one."""

    checkpoint: Checkpoint
    """a bundled checkpoint (peeps-ldm ...) or the folder of a run; with the options below also a recipe"""
    blocks: bool = False
    """where the U-Net's parameters, arithmetic and memory are, block by block"""
    batch_size: int | None = None
    """say what memory training takes with so many images at a time"""
    memory: bool = False
    """the same for the recipe's own batch size"""


def main(arguments: list[str]) -> None:
    options = parse(Info, "info", arguments)
    if options.blocks or options.memory or options.batch_size is not None:
        show_network(options.checkpoint, options.blocks, options.memory, options.batch_size)
        return
    folder = find_checkpoint(options.checkpoint)
    model = load_checkpoint(folder)
    facts = {"kind": f"{type(model).__name__}, in {folder}", **shapes(model), "parameters": parameters(model)}
    facts["file"] = f"{(folder / 'model.safetensors').stat().st_size / 1e6:.1f} MB"
    if (folder / "README.md").is_file():
        facts["card"] = str(folder / "README.md")
    for name, fact in facts.items():
        print(f"{name:11} {fact}")
    print("config")
    show(json.loads((folder / "config.json").read_text()), "  ")


def shapes(model: nn.Module) -> dict[str, str]:
    """What goes in and what comes out."""
    if isinstance(model, AttributeClassifier):
        size = model.config.image_size
        kinds = ", ".join(f"{kind} ({len(words)})" for kind, words in model.config.kinds)
        return {"images": f"3 x {size} x {size}", "reads": kinds}
    if isinstance(model, CodePrior):
        size, side, codes = model.config.image_size, model.side, model.config.first_stage.codes
        return {"images": f"3 x {size} x {size}", "codes": f"{side} x {side}, each one of {codes}"}
    if not isinstance(model, LatentDiffusion):
        f, c = model.downsampling, model.latent_channels
        return {
            "images": f"3 x H x W, H and W multiples of {f}",
            "latents": f"{c} x H/{f} x W/{f}, multiplied by {model.scale:.5f}",
        }
    size, schedule = model.config.image_size, model.config.schedule
    c, h, w = model.latent_shape
    facts = {
        "images": f"3 x {size} x {size}",
        "latents": f"{c} x {h} x {w}, {3 * size**2 / (c * h * w):.0f} times fewer numbers",
        "wishes": "none",
        "predicts": f"{model.config.prediction}, {schedule.timesteps} timesteps, {schedule.name} schedule",
    }
    conditioner = model.conditioner
    if isinstance(conditioner, CaptionConditioner):
        count, length = len(conditioner.config.vocabulary), conditioner.config.length - 2
        facts["wishes"] = f"captions of up to {length} words, from a vocabulary of {count}"
    elif isinstance(conditioner, ComposedConditioner):
        facts["wishes"] = ", ".join(f"{p.name} by {p.mechanism}" for p in conditioner.config.parts)
    elif isinstance(conditioner, AttributeConditioner):
        facts["wishes"] = f"attributes: {', '.join(conditioner.config.names)}"
    return facts


def parameters(model: nn.Module) -> str:
    """The number of parameters of each part, and of all together."""
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    each = ", ".join(f"{name} {count:,}" for name, count in parts.items() if count)
    return f"{sum(p.numel() for p in model.parameters()):,} ({each})"


def show(config: dict, indent: str) -> None:
    """The fields of a config, those of nested ones further in, long lists cut."""
    for name, value in config.items():
        if isinstance(value, dict):
            print(f"{indent}{name}")
            show(value, indent + "  ")
        elif isinstance(value, list) and len(value) > FEW:
            print(f"{indent}{name}: {value[:FEW]} and {len(value) - FEW} more")
        else:
            print(f"{indent}{name}: {value}")
