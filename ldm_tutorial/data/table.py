"""What every source becomes: rows with an encoded image each, and columns that say more about it."""

from dataclasses import dataclass, field
from pathlib import Path

from datasets import Dataset, Image

# The columns that an item shows, beside its image; `ImageSet.values` gives the others as well.
ITEM_COLUMNS = ("caption", "label", "attributes", "map", "mentions")
CAPTION_NAMES = ("caption", "text", "captions")


@dataclass
class Table:
    """Undecoded rows. `dataset` has a column `image`, of {"bytes", "path"} cells unless `bytes_of` is overridden.

    title: what messages call it. identity: changes when its content does. skipped: what was left out already.
    attribute_names: for a column of lists of booleans. trusted: known to hold only usable images.
    """

    title: str
    dataset: Dataset
    identity: str
    attribute_names: tuple[str, ...] = ()
    skipped: list[str] = field(default_factory=list)
    trusted: bool = False

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def columns(self) -> list[str]:
        return self.dataset.column_names

    def where(self, row: int) -> str:
        """The name of a row in messages."""
        return f"row {row}"

    def bytes_of(self, cell: dict | None) -> bytes | None:
        """The encoded image of one cell of an image column."""
        if cell is None:
            return None
        if cell["bytes"] is not None:
            return cell["bytes"]
        return Path(cell["path"]).read_bytes()

    def value(self, column: str, cell):
        """One cell as the items give it: attributes as a dict, {} where unknown; captions as one string."""
        if column == "attributes":
            return named_attributes(cell, self.attribute_names)
        if column == "caption":
            return caption_text(cell)
        return cell


def named_attributes(cell, names: tuple[str, ...]) -> dict:
    """Attributes as a dict: a list of booleans takes its names in order, null is {}, null fields are left out."""
    if cell is None:
        return {}
    if isinstance(cell, dict):
        return {name: value for name, value in cell.items() if value is not None}
    if len(cell) != len(names):
        raise ValueError(
            f"attributes holds {len(cell)} values but {len(names)} names are known; "
            "put attribute_names.json, a list of names in order, beside the parquet files"
        )
    return dict(zip(names, cell, strict=True))


def caption_text(cell) -> str:
    """A caption as one string: of several the first, null is the empty caption."""
    if isinstance(cell, (list, tuple)):
        cell = cell[0] if cell else ""
    return cell or ""


def undecoded(dataset):
    """A Dataset or IterableDataset with its image columns as {"bytes", "path"} and its caption column so named.

    Raises ValueError, listing the columns, where there is no column `image`.
    """
    names = list(dataset.column_names or ())
    if "image" not in names and "img" in names:
        dataset, names = dataset.rename_column("img", "image"), ["image" if n == "img" else n for n in names]
    if names and "image" not in names:
        raise ValueError(f"no column 'image' among the columns {', '.join(names)}")
    caption = next((name for name in CAPTION_NAMES if name in names), "caption")
    if caption != "caption":
        dataset = dataset.rename_column(caption, "caption")
    for column in ("image", "map"):
        if column in names:
            dataset = dataset.cast_column(column, Image(decode=False))
    return dataset
