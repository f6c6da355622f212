"""Measure and write benchmarks/RESULTS.md: `make bench`, or `python -m benchmarks.run --rounds 5`."""

import argparse
from pathlib import Path
from types import ModuleType

import torch

from benchmarks import (
    against_diffusers,
    compression_over_time,
    families,
    following,
    frechet,
    gan_search,
    guidance_scale,
    latent_against_pixel,
    mechanisms,
    nearest_code,
    rate_distortion,
    sampler_arithmetic,
    steps_and_quality,
)
from benchmarks.device import ON_GPU
from benchmarks.experiments import DRAW, STORED
from benchmarks.machine import command, load, machine, today, versions
from ldm_tutorial.classroom.experiments import read

RESULTS = Path(__file__).with_name("RESULTS.md")
HEADING = "What was measured"
METHOD = """\
Where time is measured, contestants take turns in one process, in opposite order every other round. A
number is the median over the rounds, with the middle half of them in brackets. With one thread, time
is that for which the thread had a core; with two it is the time on the wall.

Each section says when, where and by which command it was measured. Load is the number of processes
that wanted a core in the minute before: above 0, others used the machine too."""
PARTS = {
    "Against diffusers, same weights": against_diffusers,
    "Latents against pixels, same U-Net": latent_against_pixel,
    "Samplers without their network": sampler_arithmetic,
    "The nearest code": nearest_code,
    "Rate and distortion of the first stages": rate_distortion,
    "Frechet distance and its features": frechet,
    "Five mechanisms at equal budget": mechanisms,
    "Guidance scale": guidance_scale,
    "Following a map or edges": following,
    "Sampler, steps and quality": steps_and_quality,
    "Compression over training time": compression_over_time,
    "Families of models at equal time": families,
    "The GAN's settings": gan_search,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="timed turns of every contestant")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="threads of PyTorch")
    names = [part.__name__.split(".")[-1] for part in PARTS.values()]
    parser.add_argument(
        "--only",
        nargs="+",
        choices=names,
        default=[
            name for name, part in zip(names, PARTS.values(), strict=True) if not hasattr(part, "HOURS")
        ],
        help="measure these, keep the rest of the file; default: all that does not train for hours, of which "
        "the tables are written from what is stored",
    )
    options = parser.parse_args()
    if ON_GPU:
        options.threads = options.threads[:1]  # they would make no difference
    measured = {
        title: section(title, part, options)
        for name, (title, part) in zip(names, PARTS.items(), strict=True)
        if name in options.only
    }
    stored = {
        title: section(title, part, options, stored=True)
        for title, part in PARTS.items()
        if title not in measured and hasattr(part, "HOURS") and (STORED / f"{part.EXPERIMENT}.json").exists()
    }
    # Read now, not before: another part may have been measured meanwhile.
    sections = written() | measured | stored | {HEADING: METHOD}
    ordered = [HEADING, *(title for title in PARTS if title in sections)]
    text = "\n\n".join(f"## {title}\n\n{sections[title]}" for title in ordered)
    RESULTS.write_text(text.removeprefix("#") + "\n", encoding="utf-8")
    print(f"written to {RESULTS.parent.name}/{RESULTS.name}")


def section(title: str, part: ModuleType, options: argparse.Namespace, stored: bool = False) -> str:
    """What a part measures, how, and its tables: one for each number of threads where that matters.

    stored: from the part's experiment as it is in data/experiments, without measuring anything.
    """
    text, how = [part.__doc__.strip()], described(options.rounds)
    for threads in options.threads if getattr(part, "THREADED", False) else options.threads[:1]:
        torch.set_num_threads(threads)
        print(f"{title}, threads: {threads}", flush=True)
        name = getattr(part, "EXPERIMENT", "")
        rows = part.lines(read(STORED / f"{name}.json")) if stored else part.table(options.rounds)
        if name:  # its file knows how it came about: some may have been kept
            figure = f"\n\n![{title}](figures/{name}.png)" if name in DRAW else ""
            how = f"{read(STORED / f'{name}.json')}.{figure}"
        text += [how, f"Threads: {threads}", markdown(part.HEADER, rows)]
        print(text[-1], flush=True)
        how = ""
    return "\n\n".join(filter(None, text))


def described(rounds: int) -> str:
    """When, where and by which command what follows was measured."""
    packages = ", ".join(f"{name} {version}" for name, version in versions().items())
    return (
        f"Measured {today()} by `{command()}` ({rounds} rounds) on {machine()} "
        f"(load before the start {load()}; {packages})."
    )


def written() -> dict[str, str]:
    """The sections of the file as it is, by title."""
    if not RESULTS.exists():
        return {}
    blocks = RESULTS.read_text(encoding="utf-8").strip().split("\n\n## ")
    return dict(block.removeprefix("# ").split("\n\n", 1) for block in blocks)


def markdown(header: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [header, ["---"] * len(header), *rows])


if __name__ == "__main__":
    main()
