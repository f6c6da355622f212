"""Opening a set of images by name or by path."""

from dataclasses import replace
from pathlib import Path

from ldm_tutorial.data.bundled import bundled
from ldm_tutorial.data.framing import Crop, Framing
from ldm_tutorial.data.image_set import ImageSet
from ldm_tutorial.data.parquet import open_parquet


def open_images(
    source: str | Path,
    split: str = "train",
    size: int = 64,
    crop: Crop = None,
    flip: bool = False,
    streaming: bool = False,
    limit: int | None = None,
) -> ImageSet:
    if source == "peeps":
        table = replace(open_parquet(bundled("peeps"), split), title=f"peeps ({split})", trusted=True)
    else:
        table = open_parquet(Path(source), split)
    return ImageSet(table, Framing(size, crop), flip=flip, limit=limit)
