"""What a measurement ran on, and when: what a reader needs to believe it, or to measure again."""

import datetime
import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path

import torch

from benchmarks.device import ON_GPU
from ldm_tutorial import __version__


def machine() -> str:
    return f"{processor()}, {os.cpu_count()} cores, {platform.system()}; {where()}"


def where() -> str:
    """The device of the networks, and how they run there."""
    if ON_GPU:
        return f"{torch.cuda.get_device_name()}, bfloat16, channels_last, torch.compile"
    return "on the processor, float32"


def processor() -> str:
    """The processor's name; Linux keeps it where `platform` does not look."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def load() -> str:
    """Processes that were waiting for a core in the last minute: above 0, others use the machine too."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def versions() -> dict[str, str]:
    packages = {name: version(name) for name in ("torch", "diffusers")}
    return {"ldm_tutorial": __version__} | packages | {"Python": platform.python_version()}


def today() -> str:
    return datetime.date.today().isoformat()


def command() -> str:
    """The command that is running, as it is typed in the repository's folder."""
    return shlex.join(["python", "-m", "benchmarks.run", *sys.argv[1:]])
