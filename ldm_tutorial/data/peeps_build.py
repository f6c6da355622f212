"""Write the bundled Peeps: parquet files in the column layout of `datasets`, the same bytes every time."""

import io
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, List, Value
from datasets import Image as ImageFeature
from PIL import Image
from tqdm import tqdm

from ldm_tutorial.data.peeps import draw
from ldm_tutorial.data.peeps_attributes import KINDS, choose, held_out


@dataclass(frozen=True)
class Split:
    """`rows` pictures of the seeds from `first_seed` on; files are numbered where there are several."""

    rows: int
    first_seed: int
    held_out: bool = False
    files: int = 1


SPLITS = {
    "train": Split(12_000, 0, files=2),
    "valid": Split(2_000, 1_000_000),
    "holdout": Split(500, 2_000_000, held_out=True),
}
FEATURES = Features(
    {
        "image": ImageFeature(),
        "caption": Value("string"),
        "attributes": {kind: Value("string") for kind in KINDS},
        "mentions": List(Value("string")),
        "map": ImageFeature(),
        "seed": Value("int64"),
    }
)
MAP_PALETTE = (255, 255, 255, 237, 185, 138, 110, 60, 30, 47, 111, 224, 0, 0, 0)  # for looking at it
CHUNK = 100


def build(out: Path, size: int = 64, rows: int | None = None, workers: int | None = None) -> list[Path]:
    """Draw every split and write it to the folder `out`; returns the files written.

    `rows` bounds the rows of each split (for a try); `workers` are processes, by default one a core. The
    bytes depend on the versions of the drawing packages, Pillow and pyarrow, on nothing else.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, split in SPLITS.items():
        count = split.rows if rows is None else min(rows, split.rows)
        table = _table(list(islice(seeds(split), count)), size, workers or os.cpu_count() or 1, name)
        bounds = np.linspace(0, count, split.files + 1).astype(int)
        for number, (start, end) in enumerate(pairwise(bounds)):
            suffix = f"-{number:05d}-of-{split.files:05d}" if split.files > 1 else ""
            written.append(_write(table.slice(start, end - start), out / f"{name}{suffix}.parquet"))
    return written


def seeds(split: Split) -> Iterator[int]:
    """The seeds of a split, without end: those whose attributes are held out, or all the others."""
    seed = split.first_seed
    while True:
        if held_out(choose(seed)[1]) == split.held_out:
            yield seed
        seed += 1


def row(seed: int, size: int = 64) -> dict:
    """One row of the files: pictures as bytes (image: lossless WebP, map: palette PNG), the rest as it is."""
    peep = draw(seed, size)
    return {
        "image": {"bytes": _webp(peep.image), "path": None},
        "caption": peep.caption,
        "attributes": peep.attributes,
        "mentions": list(peep.mentions),
        "map": {"bytes": _palette_png(peep.semantic_map), "path": None},
        "seed": seed,
    }


def _rows(job: tuple[list[int], int]) -> list[dict]:
    chunk, size = job
    return [row(seed, size) for seed in chunk]


def _table(split_seeds: list[int], size: int, workers: int, name: str) -> pa.Table:
    jobs = [(split_seeds[i : i + CHUNK], size) for i in range(0, len(split_seeds), CHUNK)]
    rows = []
    with tqdm(total=len(split_seeds), desc=f"peeps {name}", unit="image") as bar:
        if workers == 1 or len(jobs) == 1:
            results = map(_rows, jobs)
            pool = None
        else:
            pool = ProcessPoolExecutor(min(workers, len(jobs)))
            results = pool.map(_rows, jobs)
        for part in results:
            rows += part
            bar.update(len(part))
        if pool:
            pool.shutdown()
    return pa.Table.from_pylist(rows, schema=FEATURES.arrow_schema)


def _write(table: pa.Table, path: Path) -> Path:
    temporary = path.with_suffix(".part")
    pq.write_table(table, temporary, compression="zstd", row_group_size=1000)
    os.replace(temporary, path)
    return path


def _webp(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "WEBP", lossless=True, quality=100, method=4)
    return file.getvalue()


def _palette_png(semantic_map: np.ndarray) -> bytes:
    file = io.BytesIO()
    picture = Image.fromarray(semantic_map)
    picture.putpalette(MAP_PALETTE)  # an "L" picture becomes "P"; its values stay what they are
    picture.save(file, "PNG", compress_level=9)
    return file.getvalue()
