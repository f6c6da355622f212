"""What every source becomes: rows with an encoded image each, and columns that say more about it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from datasets import Dataset, Image, IterableDataset

# The columns that an item shows beside its image; `ImageSet.values` reads the others as well.
ITEM_COLUMNS = ("caption", "label", "attributes", "map", "mentions")
CHUNK = 500  # Rows read at once: small pictures then cost their decoding and little else.


@dataclass
class Table:
    """Undecoded rows with a column `image` of {"bytes", "path"} cells, and what else is known.

    title: what messages call it.
    stamp: changes when a file is written, and is quick to make.
    identity: computes what changes only with the content.
    attribute_names: of a column of lists of booleans.
    skipped: what was left out already.
    trusted: known to hold only usable images.
    keeps: in a stream, whether a row number belongs to the split.
    """

    title: str
    dataset: Dataset | IterableDataset
    stamp: str
    identity: Callable[[], str]
    attribute_names: tuple[str, ...] = ()
    skipped: list[str] = field(default_factory=list)
    trusted: bool = False
    keeps: Callable[[int], bool] | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def columns(self) -> list[str]:
        return self.dataset.column_names

    def rows(self) -> Iterator[tuple[int, dict]]:
        """Every row with its number, in order, undecoded."""
        if isinstance(self.dataset, IterableDataset):
            # `iter` of batches, unlike `__iter__`, leaves sharing out between workers to ImageStream.
            for number, batch in enumerate(self.dataset.iter(batch_size=1)):
                if self.keeps is None or self.keeps(number):
                    yield number, {column: cells[0] for column, cells in batch.items()}
            return
        for start in range(0, len(self), CHUNK):
            chunk = self.dataset[start : start + CHUNK]
            for offset in range(len(chunk["image"])):
                yield start + offset, {column: cells[offset] for column, cells in chunk.items()}

    def where(self, number: int, row: dict) -> str:
        """The name of a row in messages: its file, if it is one."""
        cell = row["image"]
        return cell["path"] if cell and cell["bytes"] is None and cell["path"] else f"row {number}"

    def bytes_of(self, cell: dict | None) -> bytes | None:
        """The encoded image of one cell of an image column; OSError if its file can't be read."""
        if cell is None or cell["bytes"] is cell["path"] is None:
            return None
        return Path(cell["path"]).read_bytes() if cell["bytes"] is None else cell["bytes"]

    def value(self, column: str, cell):
        """One cell as the items give it: attributes as a dict, {} where unknown; captions as one string."""
        if column == "attributes":
            return named_attributes(cell, self.attribute_names)
        if column == "caption":
            return first_caption(cell)
        return cell


def named_attributes(cell: dict | list[bool] | None, names: tuple[str, ...]) -> dict:
    """Attributes as a dict: booleans take their names in order; null is {}; null fields are left out."""
    if cell is None:
        return {}
    if isinstance(cell, dict):
        return {name: value for name, value in cell.items() if value is not None}
    if len(cell) != len(names):
        raise ValueError(
            f"attributes holds {len(cell)} values but {len(names)} names are known; "
            "put attribute_names.json, a list of the names in order, beside the parquet files"
        )
    return dict(zip(names, cell, strict=True))


def first_caption(cell: str | list[str] | None) -> str:
    """A caption as one string: of several the first; none is the empty caption."""
    if isinstance(cell, list):
        cell = cell[0] if cell else None
    return cell or ""


def undecoded(dataset: Dataset | IterableDataset) -> Dataset | IterableDataset:
    """The same rows with image columns left encoded, and the columns named as everywhere in the course.

    Raises ValueError, listing the columns, where there is no column `image` (or `img`).
    """
    for name, others in {"image": ("img",), "caption": ("captions", "text"), "label": ("labels",)}.items():
        other = next((column for column in others if column in dataset.column_names), None)
        if name not in dataset.column_names and other is not None:
            dataset = dataset.rename_column(other, name)
    if "image" not in dataset.column_names:
        raise ValueError(f"no column 'image' among its columns {', '.join(dataset.column_names)}")
    for column in {"image", "map"} & set(dataset.column_names):
        dataset = dataset.cast_column(column, Image(decode=False))
    return dataset
