"""Finding the images that can't be used before training does: each is decoded once when a set is opened."""

import warnings
from collections import Counter
from collections.abc import Sequence

from ldm_tutorial.data.decode import BadImage, decode
from ldm_tutorial.data.framing import Framing
from ldm_tutorial.data.remember import remember
from ldm_tutorial.data.table import Table

NAMED_IN_WARNING = 5
VERSION = 1  # Raise it when decode() or Framing judges images differently, so that remembered verdicts lapse.


def reason_against(table: Table, row: int, framing: Framing) -> BadImage | None:
    """Why the image of a row can't be used; None if it can."""
    try:
        data = table.bytes_of(table.dataset[row]["image"])
        framing.box(*decode(data).size)
    except BadImage as error:
        return error
    except OSError as error:
        return BadImage("unreadable", str(error))
    return None


def usable_rows(table: Table, framing: Framing, limit: int | None = None) -> tuple[Sequence[int], list[str]]:
    """The rows whose images can be used, at most `limit`, and the names and reasons of the others before them.

    The verdict is remembered (see `remember`) for a table of the same content. The others are named and counted
    in one warning. Raises ValueError, with counts by kind, if no image can be used.
    """
    if table.trusted:
        return range(len(table) if limit is None else min(limit, len(table))), list(table.skipped)

    def check():
        seen, bad = 0, []
        for row in range(len(table)):
            if limit is not None and seen - len(bad) == limit:
                break
            error = reason_against(table, row, framing)
            if error is not None:
                bad.append([row, error.kind, str(error)])
            seen += 1
        return {"seen": seen, "bad": bad}

    verdict = remember(f"usable {VERSION} {table.identity} {framing} {limit}", check)
    bad = {row for row, _, _ in verdict["bad"]}
    skipped = [*table.skipped, *(f"{table.where(row)}: {reason}" for row, _, reason in verdict["bad"])]
    rows = [row for row in range(verdict["seen"]) if row not in bad]
    if not rows:
        counts = Counter(kind for _, kind, _ in verdict["bad"])
        found = ", ".join(f"{n} {kind}" for kind, n in counts.most_common()) or "no images at all"
        raise ValueError(f"nothing in {table.title} can be used: found {found}{_named(skipped)}")
    if skipped:
        total = len(rows) + len(skipped)
        warnings.warn(
            f"{len(skipped)} of {total} images of {table.title} can't be used and are skipped{_named(skipped)}",
            stacklevel=3,
        )
    return rows, skipped


def _named(skipped: list[str]) -> str:
    if not skipped:
        return ""
    more = len(skipped) - NAMED_IN_WARNING
    return f" ({'; '.join(skipped[:NAMED_IN_WARNING])}{f'; and {more} more' if more > 0 else ''})"
