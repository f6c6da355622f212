"""LSUN in its original layout: an LMDB whose values are encoded images."""

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from datasets import Dataset

from ldm_tutorial.data.remember import content_hash, remember, stamp
from ldm_tutorial.data.splits import canonical, split_of
from ldm_tutorial.data.table import Table


@dataclass
class LsunTable(Table):
    """Rows that are keys of the LMDB in a folder."""

    folder: Path = Path()

    def where(self, number: int, row: dict) -> str:
        return f"row {number}, key {row['image']}"

    def bytes_of(self, cell: str) -> bytes | None:
        with open_environment(self.folder).begin() as transaction:
            return transaction.get(cell.encode())


def lsun_environments(path: Path) -> dict[str | None, Path]:
    """The LMDB of each split at or below a path, by names like `bedroom_train_lmdb`; None: names no split."""
    inside = (path / "data.mdb").is_file()
    folders = [path] if inside else sorted(file.parent for file in path.glob("*_lmdb/data.mdb"))
    return {next(filter(None, map(split_of, folder.name.split("_"))), None): folder for folder in folders}


def open_lsun(path: Path, split: str) -> LsunTable:
    """The images of one LSUN environment, or of the right one among those in a folder.

    An environment whose name speaks of no split is taken as it is, whatever split is asked for.
    Raises ImportError where the package lmdb is missing, ValueError for a split that is not there.
    """
    found, split = lsun_environments(path), canonical(split)
    environment = found.get(split) or found.get(None)
    if environment is None:
        raise ValueError(f"split '{split}' is not in {path}; it has: {', '.join(sorted(found))}")
    files = stamp(environment / "data.mdb")
    keys = remember(f"keys {files}", lambda: read_keys(environment))
    if not keys:
        raise ValueError(f"{environment} holds no images: its LMDB is empty")
    return LsunTable(
        title=f"{environment} ({split})",
        dataset=Dataset.from_dict({"image": keys}),
        stamp=files,
        identity=partial(content_hash, environment / "data.mdb"),
        folder=environment,
    )


@lru_cache
def open_environment(folder: Path):
    """The LMDB of a folder, for reading; ImportError says what to install.

    It stays open for all who read it, since a process can't open one twice. Read-only and without its lock
    file it shares no state with the processes that a DataLoader forks.
    """
    try:
        import lmdb  # Optional: only the original LSUN files need it.
    except ImportError:
        raise ImportError("LSUN's LMDB files are read with the package lmdb: pip install lmdb") from None
    return lmdb.open(str(folder), readonly=True, lock=False, readahead=False, meminit=False)


def read_keys(folder: Path) -> list[str]:
    """All keys in their order."""
    with open_environment(folder).begin() as transaction:
        return [key.decode() for key in transaction.cursor().iternext(keys=True, values=False)]
