"""Which images train and which are held out, where the source says so and where it doesn't."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from datasets import IterableDataset

from ldm_tutorial.data.table import Table

# The names that one split goes by, the course's own first.
ALIASES = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing"),
    "holdout": ("holdout",),
}
FEWEST_TO_DIVIDE = 20


def split_of(name: str) -> str | None:
    """The split that a name begins with (`validation`, `valid-00000-of-00002.parquet`), or None."""
    first = name.lower().split(".")[0].replace("_", "-").split("-")[0]
    return next((split for split, names in ALIASES.items() if first in names), None)


def canonical(split: str) -> str:
    """`validation` -> `valid` and so on; other names stay as they are."""
    return next((name for name, names in ALIASES.items() if split in names), split)


def is_held_out(name: str) -> bool:
    """True for 1 name in 20 (13 of 256, strictly), always the same ones."""
    return hashlib.sha256(name.encode()).digest()[0] < 13


def divide(names: Sequence[str], split: str) -> list[int]:
    """The indices of one split of a source that has none: `valid` is 1 in 20 by name, `train` the others.

    Whether an image is held out depends on nothing but its name, so images may be added later. Fewer than 20
    images are all `train`. `all` is everything.
    Raises ValueError for other splits, and for `valid` where nothing is held out.
    """
    if split not in ("train", "valid", "all"):
        raise ValueError(
            f"split '{split}' is not there: without splits of its own a source has train, valid and all"
        )
    few = len(names) < FEWEST_TO_DIVIDE
    if split == "all" or (split == "train" and few):
        return list(range(len(names)))
    chosen = [i for i, name in enumerate(names) if is_held_out(name) == (split == "valid")]
    if few or not chosen:
        raise ValueError(
            f"split '{split}' is empty: from {FEWEST_TO_DIVIDE} images on 1 in 20 is held out, here are "
            f"{len(names)}; put some into a subfolder 'valid', the others into 'train'"
        )
    return chosen


def divided(table: Table, split: str) -> Table:
    """One split of a table that has none, by row number; a stream is divided without counting its rows."""
    if isinstance(table.dataset, IterableDataset):
        if split not in ("train", "valid", "all"):
            divide([], split)
        return table if split == "all" else replace(table, keeps=partial(_belongs, split))
    kept = divide([str(number) for number in range(len(table))], split)
    return replace(table, dataset=table.dataset.select(kept))


def _belongs(split: str, number: int) -> bool:
    return is_held_out(str(number)) == (split == "valid")
