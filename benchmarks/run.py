"""Measure speed and write benchmarks/RESULTS.md: `make bench`, or `python -m benchmarks.run --rounds 5`."""

import argparse
import datetime
import os
import platform
import shlex
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import torch

from benchmarks import (
    against_diffusers,
    frechet,
    latent_against_pixel,
    nearest_code,
    rate_distortion,
    sampler_arithmetic,
)
from benchmarks.device import ON_GPU
from ldm_tutorial import __version__

RESULTS = Path(__file__).with_name("RESULTS.md")
HEADING = "How fast it is"
METHOD = """\
Contestants take turns in one process, in opposite order every other round. A number is the median
over the rounds, with the middle half of them in brackets. With one thread, time is that for which
the thread had a core; with two it is the time on the wall."""
PARTS = {
    "Against diffusers, same weights": against_diffusers,
    "Latents against pixels, same U-Net": latent_against_pixel,
    "Samplers without their network": sampler_arithmetic,
    "The nearest code": nearest_code,
    "Rate and distortion of the first stages": rate_distortion,
    "Frechet distance and its features": frechet,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="timed turns of every contestant")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="threads of PyTorch")
    names = [part.__name__.split(".")[-1] for part in PARTS.values()]
    parser.add_argument(
        "--only", nargs="+", choices=names, help="measure these again, keep the rest of the file"
    )
    options = parser.parse_args()
    if ON_GPU:
        options.threads = options.threads[:1]  # they would make no difference
    sections = written() if options.only else {HEADING: "\n\n".join([METHOD, describe(options)])}
    for name, (title, part) in zip(names, PARTS.items(), strict=True):
        if not options.only or name in options.only:
            sections[title] = section(title, part, options)
    text = "\n\n".join(f"## {title}\n\n{body}" for title, body in sections.items())
    RESULTS.write_text(text.removeprefix("#") + "\n", encoding="utf-8")
    print(f"written to {RESULTS.parent.name}/{RESULTS.name}")


def section(title: str, part: ModuleType, options: argparse.Namespace) -> str:
    """What a part measures, and its tables: one for each number of threads where that makes a difference."""
    text = [part.__doc__.strip()]
    for threads in options.threads if getattr(part, "THREADED", False) else options.threads[:1]:
        torch.set_num_threads(threads)
        print(f"{title}, threads: {threads}", flush=True)
        text += [f"Threads: {threads}", markdown(part.HEADER, part.table(options.rounds))]
        print(text[-1], flush=True)
    return "\n\n".join(text)


def written() -> dict[str, str]:
    """The sections of the file as it is, by title."""
    blocks = RESULTS.read_text(encoding="utf-8").strip().split("\n\n## ")
    return dict(block.removeprefix("# ").split("\n\n", 1) for block in blocks)


def describe(options: argparse.Namespace) -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "diffusers"))
    command = shlex.join(["python", "-m", "benchmarks.run", *sys.argv[1:]])
    return "\n".join(
        [
            f"- Machine: {processor()}, {os.cpu_count()} cores, {platform.system()}",
            f"- Where the networks run: {where()}",
            f"- Versions: ldm_tutorial {__version__}, {packages}, Python {platform.python_version()}",
            f"- Date: {datetime.date.today().isoformat()}; load before the start: {load()}",
            f"- Command: `{command}` ({options.rounds} rounds)",
        ]
    )


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


def markdown(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, ["---"] * len(header), *rows])


if __name__ == "__main__":
    main()
