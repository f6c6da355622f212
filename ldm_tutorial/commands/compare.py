"""`ldm compare`"""

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, NamedTuple

from PIL import Image
from torch import Tensor
from tyro.conf import Positional, arg

from ldm_tutorial.commands.common import (
    Device,
    SamplerName,
    Spacing,
    at_least,
    data_of,
    load,
    name_of,
    parse,
    pick_device,
)
from ldm_tutorial.commands.distances import (
    Network,
    drawn_pictures,
    feature_network,
    measured,
    recorded,
    sampling_of,
)
from ldm_tutorial.data import ImageSet, open_images, to_uint8
from ldm_tutorial.data.sources import NAMES
from ldm_tutorial.data.splits import ALIASES
from ldm_tutorial.first_stage import CodePrior
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics.resize import Resize
from ldm_tutorial.training import find_checkpoint, wishes_of
from ldm_tutorial.training.start import open_data

DRAWN = 500  # pictures of a checkpoint, where nothing is said


@dataclass(frozen=True)
class Compare:
    """Measure how far A is from B: Frechet and kernel distance, precision, recall, density, coverage.

    A and B are each a folder of images, a named set (peeps, celeba64 ...), or a checkpoint, which draws its
    pictures from the captions or attributes of its validation images. SOURCE:SPLIT chooses a split, as in
    peeps:train. Precision is the share of A that lies among B, recall the share of B that lies among A.
    """

    a: Positional[Annotated[str, arg(metavar="A")]]
    """the samples"""
    b: Positional[Annotated[str, arg(metavar="B")]]
    """the reference"""
    n: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """images of each; default: all there are, and 500 of a checkpoint"""
    size: Annotated[int | None, arg(metavar="INT", help_behavior_hint="")] = None
    """pixels a side that images are brought to; default: the size they have, which must be one"""
    features: Network = "lite0"
    """network that distances are measured in: lite0 works offline, inception gives FID and is downloaded"""
    resize: Resize = "torch-fidelity"
    """for inception, whose FID it is to be compared with"""
    everything: bool = False
    """also the spatial Frechet distance, and the Inception score of A"""
    steps: int = 50
    """of a checkpoint: denoising steps"""
    guidance_scale: float = 3.0
    """of a checkpoint: how far wishes are followed"""
    eta: float = 0.0
    """of a checkpoint, for the sampler ddim: the share of fresh noise at every step"""
    sampler: SamplerName = "ddim"
    """of a checkpoint: how noise becomes a picture"""
    spacing: Spacing = "trailing"
    """of a checkpoint: which noise levels the steps visit"""
    seed: int = 0
    """of a checkpoint: picture i comes from seed + i"""
    out: Path | None = None
    """JSON record; default: outputs/compare/A-B.json"""
    batch_size: int = 64
    device: Device = "auto"


class Side(NamedTuple):
    """Pictures, what they are called, and how they were drawn ({} where they were there)."""

    images: Tensor | ImageSet
    name: str
    sampling: dict


def main(arguments: list[str]) -> None:
    options = parse(Compare, "compare", arguments)
    at_least("batch-size", options.batch_size)
    if options.n is not None:
        at_least("n", options.n)
    network = feature_network(options.features, options.resize, pick_device(options.device))
    a, b = side(options.a, options), side(options.b, options)
    sampling = a.sampling | {f"reference {key}": value for key, value in b.sampling.items()}
    measurement = measured(
        a.images,
        b.images,
        network,
        everything=options.everything,
        sampling=sampling,
        names=(a.name, b.name),
        batch_size=options.batch_size,
    )
    print(f"{a.name} to {b.name}: {measurement.line()}")
    out = options.out or Path("outputs/compare") / f"{a.name}-{b.name}.json".replace(":", "_")
    measurement.write(out)
    print(f"record: {out}")


def side(source: str, options: Compare) -> Side:
    """What a checkpoint draws, where there is one of that name or in that folder; otherwise a data source."""
    try:
        find_checkpoint(source)
    except FileNotFoundError:
        return given(source, options)
    return drawn(source, options)


def drawn(source: str, options: Compare) -> Side:
    model = load(source, options.device, (LatentDiffusion, CodePrior), "compare")
    n, sampling, asked = options.n or DRAWN, sampling_of(options), None
    if getattr(model, "conditioner", None) is not None:
        data = replace(data_of(source, None, None), size=model.config.image_size, limit=n)
        asked = wishes_of(model, open_data(data, "valid"))
        n = len(asked)
    pictures = drawn_pictures(model, asked, n, options.batch_size, sampling)
    return Side(to_uint8(pictures), name_of(source), recorded(model, sampling))


def given(source: str, options: Compare) -> Side:
    place, _, split = source.rpartition(":")
    if not place or split not in (*ALIASES, "all"):
        place, split = source, "valid" if source in NAMES else "all"
    size = options.size
    if size is None and Path(place).exists():
        size = own_size(open_images(place, split, check=False, limit=options.n), place)
    images = open_images(place, split, size, limit=options.n)
    return Side(images, f"{Path(place).resolve().name if Path(place).exists() else place}:{split}", {})


def own_size(images: ImageSet, source: str) -> int:
    """The side that all images have; ValueError where they differ or are no squares."""
    sizes = set()
    for number in images.rows:
        try:
            data = images.table.bytes_of(images.table.dataset[int(number)]["image"])
            sizes.add(Image.open(io.BytesIO(data)).size)
        except (OSError, TypeError):
            continue  # what can't be read is named when the set is opened
    sides = {side for size in sizes for side in size}
    if len(sizes) == len(sides) == 1:
        return sides.pop()
    found = ", ".join(f"{width}x{height}" for width, height in sorted(sizes)[:4]) or "no known size"
    more = f" and {len(sizes) - 4} more sizes" if len(sizes) > 4 else ""
    raise ValueError(
        f"{source} has images of {found}{more}; --size brings all of both sets to squares of one size"
    )
