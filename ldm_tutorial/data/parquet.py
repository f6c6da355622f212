"""Image sets in parquet files, in the column layout of Hugging Face `datasets`."""

import json
from functools import partial
from pathlib import Path

from datasets.io.parquet import ParquetDatasetReader

from ldm_tutorial.data.hub import quiet
from ldm_tutorial.data.remember import content_hash, stamp
from ldm_tutorial.data.splits import canonical, divided, split_of
from ldm_tutorial.data.table import Table, undecoded


def parquet_files(path: Path) -> list[Path]:
    """The parquet files of a path: itself, or those of a folder and its subfolders (`data/`, `train/`)."""
    if path.is_file():
        return [path]
    return sorted(file for pattern in ("*.parquet", "*/*.parquet") for file in path.glob(pattern))


def files_by_split(path: Path) -> dict[str | None, list[Path]]:
    """The files of each split, by their names (`valid-00000-of-00002.parquet`) or folders.

    Files that name no split stand under None.
    """
    found: dict[str | None, list[Path]] = {}
    for file in parquet_files(path):
        folder = None if file.parent == path or path.is_file() else split_of(file.parent.name)
        found.setdefault(split_of(file.name) or folder, []).append(file)
    return found


def attribute_names(path: Path) -> tuple[str, ...]:
    """The names in `attribute_names.json` beside the parquet files; none without that file."""
    file = (path.parent if path.is_file() else path) / "attribute_names.json"
    return tuple(json.loads(file.read_text())) if file.is_file() else ()


def open_parquet(
    path: Path, split: str, streaming: bool = False, aliases: dict[str, str] | None = None
) -> Table:
    """The rows of one split of a parquet file or a folder of them.

    Files that name no split are divided by row number as `splits.divide` says. `aliases` gives a split that
    stands for another one where that is missing.
    Raises ValueError for a split that is not there, an unreadable file, or one without an image column.
    """
    found, split = files_by_split(path), canonical(split)
    stand_in = canonical((aliases or {}).get(split, split))
    if split not in found and stand_in in found:
        split = stand_in
    files = found.get(split) or found.get(None)
    if split == "all":
        files = sorted(file for part in found.values() for file in part)
    if not files:
        raise ValueError(
            f"split '{split}' is not in {path}; it has: {', '.join(filter(None, found)) or 'no files'}"
        )
    try:
        with quiet():
            dataset = ParquetDatasetReader([str(file) for file in files], streaming=streaming).read()
        dataset = undecoded(dataset)
    except Exception as error:  # pyarrow and datasets raise a dozen types for a file that is no image set
        raise ValueError(f"{path} can't be read as an image set: {error.__cause__ or error}") from error
    table = Table(
        title=f"{path} ({split})",
        dataset=dataset,
        stamp=f"{split} {' '.join(map(stamp, files))}",
        identity=partial(_identity, split, files),
        attribute_names=attribute_names(path),
    )
    return table if split in found or split == "all" else divided(table, split)


def _identity(split: str, files: list[Path]) -> str:
    return f"{split} {' '.join(map(content_hash, files))}"
