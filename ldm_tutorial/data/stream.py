"""Images that pass by once, for sets that fit on no disk."""

import random
import warnings
from collections.abc import Iterator
from itertools import islice

from torch.utils.data import IterableDataset, get_worker_info

from ldm_tutorial.data.checking import named
from ldm_tutorial.data.decode import BadImageError
from ldm_tutorial.data.framing import Framing
from ldm_tutorial.data.items import framed, make_item
from ldm_tutorial.data.table import Table


class ImageStream(IterableDataset):
    """The items of an ImageSet in a stream: the same dicts, no length, no index.

    In order as it is; `shuffled(seed)` gives it in another order. With `flip` each image is followed by its
    mirror image. Each worker of a DataLoader reads all rows and decodes its share of them. What can't be used
    is named in a warning and in `skipped` when the stream comes to it; one without a usable image raises
    ValueError.
    """

    def __init__(self, table: Table, framing: Framing, flip: bool = False, limit: int | None = None):
        if limit is not None and limit < 1:
            raise ValueError(f"limit must be None or at least 1, got {limit}")
        self.table, self.framing, self.flip, self.limit = table, framing, flip, limit
        self.skipped = list(table.skipped)
        self.seed: int | None = None
        self.buffer = 1

    def shuffled(self, seed: int, buffer: int = 1000) -> "ImageStream":
        """This stream in a random order: each row is drawn from a buffer of the next `buffer` rows.

        Another seed for each epoch gives each another order. The buffer holds encoded images.
        """
        if buffer < 1:
            raise ValueError(f"buffer must be at least 1, got {buffer}")
        stream = ImageStream(self.table, self.framing, self.flip, self.limit)
        stream.seed, stream.buffer = seed, buffer
        return stream

    def __iter__(self) -> Iterator[dict]:
        worker = get_worker_info()
        rows = islice(self.table.rows(), self.limit)
        if worker is not None:
            rows = islice(rows, worker.id, None, worker.num_workers)
        usable = False
        for number, row in rows if self.seed is None else shuffle(rows, self.seed, self.buffer):
            try:
                pixels = framed(self.table, row, self.framing)
            except BadImageError as error:
                self._skip(f"{self.table.where(number, row)}: {error}")
                continue
            usable = True
            for mirrored in (False, True) if self.flip else (False,):
                yield make_item(self.table, row, self.framing, pixels, mirrored)
        if not usable and worker is None:
            raise ValueError(
                f"{self.table.title} has no usable image: {len(self.skipped)} skipped ({named(self.skipped)})"
            )

    def _skip(self, name: str) -> None:
        if name not in self.skipped:
            self.skipped.append(name)
            warnings.warn(f"{self.table.title}: skipped so far {len(self.skipped)}, now {name}", stacklevel=3)


def shuffle(rows: Iterator, seed: int, buffer: int) -> Iterator:
    """The same rows in an order that the seed decides: one leaves the buffer for each that enters."""
    generator = random.Random(seed)
    waiting = list(islice(rows, buffer))
    for row in rows:
        place = generator.randrange(len(waiting))
        yield waiting[place]
        waiting[place] = row
    generator.shuffle(waiting)
    yield from waiting
