"""Is my machine ready?"""

import os
import shutil
import sys
from pathlib import Path

import torch

from ldm_tutorial.classroom.progress import say_live
from ldm_tutorial.data import bundled

FREE_GB = 1.0
CHECKPOINTS = ("peeps-kl-f4", "peeps-ldm", "celeba64-kl-f4", "celeba64-ldm")


def check_machine() -> None:
    """Print what the course needs and whether it is here; show, unstored, what this machine has."""
    for need, held, remedy in needs():
        print(f"{'ready' if held else 'MISSING':8}{need}" + ("" if held else f"\n        {remedy}"))
    say_live("This machine: " + describe())


def best_device() -> torch.device:
    """A CUDA GPU where there is one, else Apple's, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def needs() -> list[tuple[str, bool, str]]:
    """(what, whether it is here, what to do where it is not) for everything the course rests on."""
    torch_version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    found = [
        (
            "Python 3.11 or newer",
            sys.version_info >= (3, 11),
            "install a newer Python and run `make lab PYTHON=...`",
        ),
        ("PyTorch 2.6 or newer", torch_version >= (2, 6), 'run `pip install -U "torch>=2.6"`'),
        (
            "a matrix product gives the right result",
            _multiplies(),
            "reinstall torch: this build cannot compute",
        ),
        (
            f"{FREE_GB:g} GB of free disk space",
            _free() >= FREE_GB,
            "make room; cached latents go to the disk",
        ),
        ("the bundled pictures", _bundled("peeps"), "clone the repository again, with its data folder"),
    ]
    for name in CHECKPOINTS:
        path = f"checkpoints/{name}"
        found.append((f"the checkpoint {name}", _bundled(path), f"run `ldm train {name}`, or clone again"))
    return found


def describe() -> str:
    """This machine in one line: versions, threads, disk, accelerator."""
    if torch.cuda.is_available():
        device = f"GPU {torch.cuda.get_device_name()}"
    elif torch.backends.mps.is_available():
        device = "Apple GPU (mps)"
    else:
        device = "no GPU (none is needed)"
    python = ".".join(str(part) for part in sys.version_info[:3])
    return (
        f"Python {python}, PyTorch {torch.__version__}, {os.cpu_count()} cores, "
        f"{torch.get_num_threads()} threads, {_free():.0f} GB free, {device}"
    )


def _multiplies():
    a = torch.arange(6.0).view(2, 3)
    return torch.equal(a @ a.T, torch.tensor([[5.0, 14.0], [14.0, 50.0]]))


def _free():
    return shutil.disk_usage(Path.cwd()).free / 1e9


def _bundled(name):
    try:
        return Path(bundled(name)).exists()
    except FileNotFoundError:
        return False
