"""Image sets in parquet files, in the column layout of Hugging Face `datasets`."""

import json
from pathlib import Path

from datasets import Dataset

from ldm_tutorial.data.hub import quiet
from ldm_tutorial.data.remember import content_hash
from ldm_tutorial.data.splits import canonical, divide, split_of
from ldm_tutorial.data.table import Table, undecoded


def parquet_files(path: Path) -> list[Path]:
    """The parquet files of a path: itself, or those of a folder and of its `data` and split subfolders."""
    if path.is_file():
        return [path]
    return sorted(file for pattern in ("*.parquet", "*/*.parquet") for file in path.glob(pattern))


def files_of_split(path: Path, split: str) -> tuple[list[Path], bool]:
    """The files that hold a split, and whether their names said so.

    Files are told apart by name (`train.parquet`, `valid-00000-of-00002.parquet`) or folder (`valid/0.parquet`).
    A single file that is named is taken as it is.
    """
    files = parquet_files(path)
    if path.is_file():
        return files, split_of(path.name) == canonical(split)
    by_split: dict[str, list[Path]] = {}
    for file in files:
        own = split_of(file.name) or (split_of(file.parent.name) if file.parent != path else None)
        by_split.setdefault(own or "", []).append(file)
    if split == "all":
        return files, True
    if canonical(split) in by_split:
        return by_split[canonical(split)], True
    if list(by_split) == [""]:
        return files, False
    raise ValueError(f"split '{split}' is not in {path}; it has: {', '.join(filter(None, by_split))}")


def attribute_names(path: Path) -> tuple[str, ...]:
    """The names in `attribute_names.json` beside the parquet files; none without that file."""
    file = (path.parent if path.is_file() else path) / "attribute_names.json"
    return tuple(json.loads(file.read_text())) if file.is_file() else ()


def open_parquet(path: Path, split: str) -> Table:
    """The rows of one split of a parquet file or a folder of them.

    Files without splits are divided as `splits.divide` does, by row number.
    Raises ValueError for an unknown split or a file without an image column.
    """
    files, named = files_of_split(path, split)
    try:
        with quiet():
            dataset = Dataset.from_parquet([str(file) for file in files])
        dataset = undecoded(dataset)
    except Exception as error:
        raise ValueError(f"{path} can't be read as a parquet image set: {error.__cause__ or error}") from error
    if not named:
        kept = divide([str(row) for row in range(len(dataset))], split)
        if len(kept) < len(dataset):
            dataset = dataset.select(kept)
    identity = " ".join([*map(content_hash, files), canonical(split)])
    return Table(f"{path} ({split})", dataset, identity, attribute_names(path))
