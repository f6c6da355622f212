"""`ldm data`"""

import importlib.util
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, subcommand

from ldm_tutorial.commands.common import at_least, parse
from ldm_tutorial.commands.pictures import save
from ldm_tutorial.data import open_images, to_float

DRAWING = {"dicebear": "dicebear-core", "dicebear_styles": "dicebear-styles", "resvg_py": "resvg-py"}


@dataclass(frozen=True)
class Show:
    """Show the first images of a set, and what is known about them."""

    source: Positional[str]
    """peeps, celeba64, celeba128, celebahq256, ffhq256, lsun-bedrooms, lsun-churches, or a path"""
    split: str = "train"
    size: int | None = None
    """pixels a side; default: the set's own"""
    n: int = 32
    """how many images"""
    out: Path = Path("outputs/images.png")


@dataclass(frozen=True)
class Check:
    """Say which images of a folder can be used, and what is wrong with the others."""

    folder: Positional[str]
    """a folder of images, perhaps with captions; parquet files and LSUN folders as well"""
    size: int = 64
    """pixels a side at which they will be used"""


@dataclass(frozen=True)
class Build:
    """Draw the bundled Peeps anew: the same bytes for the same versions of the packages that draw."""

    set: Positional[Literal["peeps"]]
    out: Path = Path("data/peeps")
    """folder for the parquet files"""
    size: int = 64
    """pixels a side"""
    rows: int | None = None
    """at most so many images a split, for a try"""


def main(arguments: list[str]) -> None:
    command = Annotated[Show, subcommand("show")] | Annotated[Check, subcommand("check")]
    command |= Annotated[Build, subcommand("build")]
    options = parse(
        command, "data", arguments, description="Show image sets, check your own, draw Peeps anew."
    )
    {Show: show, Check: check, Build: build}[type(options)](options)


def show(options: Show) -> None:
    at_least("n", options.n)
    images = open_images(options.source, options.split, options.size, limit=options.n)
    save(to_float(images.pixels()), options.out, 8, {"source": options.source, "split": options.split})
    print(f"{images.table.title}, {images.framing.size}x{images.framing.size} pixels, columns: ", end="")
    print(", ".join(images.table.columns))
    item = images[0]
    for name in ("caption", "label", "attributes", "mentions"):
        if name in item:
            print(f"{name} of the first: {item[name]}")
    print(f"the first {len(images)} are in {options.out}")


def check(options: Check) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is skipped is listed in full below
        images = open_images(options.folder, "all", options.size)
    for reason in images.skipped:
        print(f"skipped: {reason}")
    print(f"{len(images)} images can be used, {len(images.skipped)} are skipped")
    if "caption" in images.table.columns:
        captions = Counter(bool(caption) for caption in images.values("caption"))
        print(f"{captions[True]} have a caption, {captions[False]} have none")
    else:
        print("there are no captions: put a name.txt beside each name.jpg to train from text")


def build(options: Build) -> None:
    missing = [package for module, package in DRAWING.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ImportError(f"drawing Peeps needs {', '.join(missing)}; install with: pip install -e '.[data]'")
    from ldm_tutorial.data.peeps_build import build as build_peeps

    for path in build_peeps(options.out, options.size, options.rows):
        print(f"{path}  {path.stat().st_size / 1e6:.1f} MB")
