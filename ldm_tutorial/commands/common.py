"""What several commands need: options, devices, checkpoints, and the data that a checkpoint belongs to."""

import json
import sys
from dataclasses import replace
from typing import Annotated, Literal, TypeVar

import torch
import tyro
from torch import nn
from tyro.conf import Positional, arg

from ldm_tutorial.diffusion import DDIM, DDPM, PLMS, DPMSolverPP2M, Euler, EulerAncestral, Heun
from ldm_tutorial.recipes import all_recipes
from ldm_tutorial.training import DataConfig, find_checkpoint, load_checkpoint

Device = Literal["auto", "cpu", "cuda", "mps"]
SamplerName = Literal["ddim", "ddpm", "plms", "euler", "euler-ancestral", "heun", "dpm++"]
Spacing = Literal["trailing", "leading", "linspace", "karras"]
SAMPLERS = {
    "ddim": DDIM,
    "ddpm": DDPM,
    "plms": PLMS,
    "euler": Euler,
    "euler-ancestral": EulerAncestral,
    "heun": Heun,
    "dpm++": DPMSolverPP2M,
}
Checkpoint = Positional[Annotated[str, arg(metavar="CHECKPOINT")]]
Options = TypeVar("Options")


def parse(options: type[Options], command: str, arguments: list[str], **more) -> Options:
    """The command's options, from a dataclass whose docstrings are its help."""
    config = (tyro.conf.FlagCreatePairsOff,)
    return tyro.cli(options, prog=f"ldm {command}", args=arguments, config=config, **more)


def pick_device(device: Device) -> torch.device:
    """The device asked for; of "auto" the fastest one there is."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        device = next(name for name in there if there[name])
    if not there[device]:
        usable = " or ".join(name for name in there if there[name])
        raise ValueError(f"--device is {device}, which this machine does not have; use {usable}")
    return torch.device(device)


def load(source: str, device: Device, accepted: tuple[type[nn.Module], ...], command: str) -> nn.Module:
    """The model of a checkpoint, where the command can use its kind."""
    model = load_checkpoint(source, pick_device(device))
    if not isinstance(model, accepted):
        wanted = " or ".join(kind.__name__ for kind in accepted)
        raise ValueError(f"{source} is a checkpoint of {type(model).__name__}; ldm {command} takes {wanted}")
    return model


def name_of(source: str) -> str:
    """A checkpoint's name: its folder's, or its run's."""
    folder = find_checkpoint(source)
    return folder.parent.name if folder.name == "checkpoint" else folder.name


def data_of(source: str, given: str | None, size: int | None) -> DataConfig:
    """The images that a checkpoint belongs to, or those `given` in their place, as a set or a path.

    A run's folder says it, in recipe.json; so does the recipe of the same name.
    """
    if given is None:
        record = find_checkpoint(source).parent / "recipe.json"
        recipe = all_recipes().get(name_of(source))
        if record.is_file():
            fields = json.loads(record.read_text())["data"]
            data = DataConfig(**{name: value for name, value in fields.items() if name != "kind"})
        elif recipe is not None:
            data = recipe.data
        else:
            raise ValueError(
                f"{source} does not say what it was trained on; name a set or a folder with --data"
            )
    else:
        data = DataConfig(source=given)
    return replace(data, size=size or data.size, flip=False, limit=None)


def at_least(name: str, value: int, least: int = 1) -> int:
    if value < least:
        raise ValueError(f"--{name} is {value}; it must be at least {least}")
    return value


def progress() -> bool:
    """True where progress bars are seen by somebody."""
    return sys.stderr.isatty()
