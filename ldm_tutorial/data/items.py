"""One row of a table -> one item as the course sees it."""

import torch
from PIL import Image
from torch import Tensor

from ldm_tutorial.data.decode import BadImageError, decode, decode_map
from ldm_tutorial.data.framing import Framing
from ldm_tutorial.data.pixels import to_float
from ldm_tutorial.data.table import ITEM_COLUMNS, Table


def picture_of(table: Table, row: dict) -> Image.Image:
    """The image of a row as an RGB picture; raises BadImageError if it can't be read or decoded."""
    try:
        data = table.bytes_of(row["image"])
    except OSError as error:
        raise BadImageError("unreadable", error.strerror) from None
    return decode(data)


def framed(table: Table, row: dict, framing: Framing) -> Tensor:
    """The image of a row as uint8 (3, size, size); raises BadImageError if it can't be used."""
    return framing.pixels(picture_of(table, row))


def make_item(table: Table, row: dict, framing: Framing, pixels: Tensor, mirrored: bool) -> dict:
    """A row and its pixels -> the dict of an item (see ImageSet)."""
    item = {"image": to_float(pixels)}
    item |= {
        column: table.value(column, row[column])
        for column in ITEM_COLUMNS
        if column in row and column != "map"
    }
    if row.get("map") is not None:
        item["map"] = framing.indices(decode_map(table.bytes_of(row["map"])))
    if mirrored:
        item |= {key: item[key].flip(-1) for key in ("image", "map") if key in item}
    return item


def collate(items: list[dict]) -> dict:
    """Items -> one batch: images, maps and labels stacked to tensors, everything else as a list per key."""
    batch = {key: [item[key] for item in items] for key in items[0]}
    batch |= {key: torch.stack(batch[key]) for key in ("image", "map") if key in batch}
    if "label" in batch:
        batch["label"] = torch.tensor(batch["label"])
    return batch
