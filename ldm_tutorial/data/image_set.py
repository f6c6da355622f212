"""The one form in which the course sees images: a sequence of dicts."""

import hashlib
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor
from torch.utils.data import Dataset

from ldm_tutorial.data.checking import usable_rows
from ldm_tutorial.data.decode import BadImageError, decode_map
from ldm_tutorial.data.framing import Framing
from ldm_tutorial.data.items import framed, make_item
from ldm_tutorial.data.table import CHUNK, Table


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
        size, columns = self.framing.size, ", ".join(self.table.columns)
        return f"ImageSet({self.table.title}: {len(self)} images {size}x{size}, columns {columns})"

    def __len__(self) -> int:
        return len(self.rows) * (2 if self.flip else 1)

    def __getitem__(self, index: int) -> dict:
        number, mirrored = self._locate(index)
        row = self.table.dataset[number]
        return make_item(self.table, row, self.framing, self._framed(number, row), mirrored)

    def __iter__(self) -> Iterator[dict]:
        return (self[index] for index in range(len(self)))

    def pixels(self, indices: Iterable[int] | None = None) -> Tensor:
        """The images `indices` (default: all, mirrored ones included) as uint8 (N, 3, size, size)."""
        located = [self._locate(i) for i in (range(len(self)) if indices is None else indices)]
        out = torch.empty(len(located), 3, self.framing.size, self.framing.size, dtype=torch.uint8)
        places: dict[int, list[int]] = {}  # A row is decoded once, also where its mirror image is asked for.
        for place, (number, _) in enumerate(located):
            places.setdefault(number, []).append(place)
        images, numbers = self.table.dataset.select_columns("image"), list(places)
        for start in range(0, len(numbers), CHUNK):
            chunk = numbers[start : start + CHUNK]
            for number, cell in zip(chunk, images[chunk]["image"], strict=True):
                pixels = self._framed(number, {"image": cell})
                for place in places[number]:
                    out[place] = pixels.flip(-1) if located[place][1] else pixels
        return out

    def values(self, key: str) -> list:
        """One column for every item, without decoding images.

        Raises KeyError, listing the columns, for one that is not there or holds images.
        """
        readable = [column for column in self.table.columns if column not in ("image", "map")]
        if key not in readable:
            raise KeyError(
                f"no column '{key}' in {self.table.title}; it has: {', '.join(readable) or 'images only'}"
            )
        cells = self.table.dataset.select_columns(key).with_format("arrow")[:].column(key).to_pylist()
        values = [self.table.value(key, cells[number]) for number in self.rows]
        return values * 2 if self.flip else values

    def maps(self) -> Tensor:
        """The semantic maps of all items, as uint8 (N, size, size); KeyError where the set has none."""
        if "map" not in self.table.columns:
            raise KeyError(f"no column 'map' in {self.table.title}; semantic maps are not known of it")
        cells = self.table.dataset.select_columns("map")[:]["map"]
        decoded = (decode_map(self.table.bytes_of(cells[number])) for number in self.rows)
        maps = torch.stack([self.framing.indices(each).to(torch.uint8) for each in decoded])
        return torch.cat([maps, maps.flip(-1)]) if self.flip else maps

    @property
    def label_names(self) -> list[str] | None:
        """What the labels stand for, where the set says so."""
        return getattr(self.table.dataset.features.get("label"), "names", None)

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change with the content of the source, split, size, crop, flip or limit."""
        description = f"{self.table.identity()} {self.framing} {self.flip} {self.limit} {len(self)}"
        return hashlib.sha256(description.encode()).hexdigest()[:16]

    def _locate(self, index: int) -> tuple[int, bool]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is outside a set of {len(self)} images")
        mirrored, position = divmod(int(index) % len(self), len(self.rows))
        return self.rows[position], bool(mirrored)

    def _framed(self, number: int, row: dict) -> Tensor:
        try:
            return framed(self.table, row, self.framing)
        except BadImageError as error:
            name = self.table.where(number, row)
            raise ValueError(
                f"{name} of {self.table.title} can't be used ({error}); open the set anew"
            ) from None
