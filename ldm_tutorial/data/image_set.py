"""The one form in which the course sees images: a sequence of dicts."""

import hashlib

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ldm_tutorial.data.checking import usable_rows
from ldm_tutorial.data.decode import BadImage, decode, decode_map
from ldm_tutorial.data.framing import Framing
from ldm_tutorial.data.pixels import to_float
from ldm_tutorial.data.table import ITEM_COLUMNS, Table

CHUNK = 500  # rows read at once: small pictures then cost their decoding and little else


class ImageSet(Dataset):
    """Images with what is known about them.

    Item i is a dict: `image` float32 (3, size, size) in [-1, 1] and, where the set has them, `caption` str,
    `label` int, `attributes` dict ({} where unknown), `map` int64 (size, size), `mentions` list of str.
    With `flip`, item n + i is the mirror image of item i of the n originals.
    `skipped` lists what was left out, with reasons.
    """

    def __init__(self, table: Table, framing: Framing, flip: bool = False, limit: int | None = None):
        if limit is not None and limit < 1:
            raise ValueError(f"limit must be None or at least 1, got {limit}")
        self.table, self.framing, self.flip, self.limit = table, framing, flip, limit
        self.rows, self.skipped = usable_rows(table, framing, limit)

    def __repr__(self) -> str:
        columns = ", ".join(self.table.columns)
        return f"ImageSet({self.table.title}: {len(self)} images of {self.framing.size} pixels, columns {columns})"

    def __len__(self) -> int:
        return len(self.rows) * (2 if self.flip else 1)

    def _locate(self, index: int) -> tuple[int, bool]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is outside a set of {len(self)} images")
        mirrored, position = divmod(int(index) % len(self), len(self.rows))
        return self.rows[position], bool(mirrored)

    def __getitem__(self, index: int) -> dict:
        row, mirrored = self._locate(index)
        return make_item(self.table, self.table.dataset[row], self.framing, mirrored, self.table.where(row))

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def pixels(self, indices=None) -> Tensor:
        """The images `indices` (default: all, mirrored ones included) decoded to uint8 (N, 3, size, size)."""
        located = [self._locate(i) for i in (range(len(self)) if indices is None else indices)]
        out = torch.empty(len(located), 3, self.framing.size, self.framing.size, dtype=torch.uint8)
        places: dict[int, list[int]] = {}
        for place, (row, _) in enumerate(located):
            places.setdefault(row, []).append(place)
        images = self.table.dataset.select_columns("image")
        rows = list(places)
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            for row, cell in zip(chunk, images[chunk]["image"], strict=True):
                pixels = framed(self.table, cell, self.framing, self.table.where(row))
                for place in places[row]:
                    out[place] = pixels.flip(-1) if located[place][1] else pixels
        return out

    def values(self, key: str) -> list:
        """One column for every item, without decoding images.

        Raises KeyError, listing the columns, for one that is not there or holds images.
        """
        readable = [column for column in self.table.columns if column not in ("image", "map")]
        if key not in readable:
            raise KeyError(f"no column '{key}' in {self.table.title}; it has: {', '.join(readable) or 'images only'}")
        cells = self.table.dataset.data.column(key).to_pylist()
        if self.table.dataset._indices is not None:
            cells = [cells[i] for i in self.table.dataset._indices.column(0).to_pylist()]
        values = [self.table.value(key, cells[row]) for row in self.rows]
        return values * 2 if self.flip else values

    @property
    def label_names(self) -> list[str] | None:
        """What the labels stand for, where the set says so."""
        return getattr(self.table.dataset.features.get("label"), "names", None)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change with the content of the source, split, size, crop, flip or limit."""
        description = f"{self.table.identity} {self.framing} {self.flip} {self.limit} {len(self)}"
        return hashlib.sha256(description.encode()).hexdigest()[:16]


def framed(table: Table, cell: dict, framing: Framing, name: str) -> Tensor:
    """One cell of an image column -> uint8 (3, size, size); a ValueError names an item that can't be decoded."""
    try:
        return framing.pixels(decode(table.bytes_of(cell)))
    except (BadImage, OSError) as error:
        raise BadImage("unusable", f"{name} of {table.title}: {error}; open the set again to skip it") from None


def make_item(table: Table, row: dict, framing: Framing, mirrored: bool, name: str) -> dict:
    """One undecoded row -> the dict of an item."""
    image = to_float(framed(table, row["image"], framing, name))
    item = {"image": image.flip(-1) if mirrored else image}
    for column in ITEM_COLUMNS:
        if column == "map" and row.get("map") is not None:
            classes = framing.indices(decode_map(table.bytes_of(row["map"])))
            item["map"] = classes.flip(-1) if mirrored else classes
        elif column in row and column != "map":
            item[column] = table.value(column, row[column])
    return item


def collate(items: list[dict]) -> dict:
    """Items -> one batch: images, maps and labels stacked to tensors, everything else as a list per key."""
    batch = {key: [item[key] for item in items] for key in items[0]}
    for key in batch.keys() & {"image", "map"}:
        batch[key] = torch.stack(batch[key])
    if "label" in batch:
        batch["label"] = torch.tensor(batch["label"])
    return batch
