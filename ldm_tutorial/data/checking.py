"""Finding the images that can't be used before training does: each is decoded once when a set is opened."""

import warnings
from collections import Counter
from collections.abc import Sequence

from tqdm.auto import tqdm

from ldm_tutorial.data.decode import BadImageError
from ldm_tutorial.data.framing import Framing
from ldm_tutorial.data.items import picture_of
from ldm_tutorial.data.remember import remember
from ldm_tutorial.data.table import Table

NAMED_IN_WARNING = 5
VERSION = 1  # Raise it when decode() or Framing judges images differently, so that remembered verdicts lapse.


def usable_rows(table: Table, framing: Framing, limit: int | None = None) -> tuple[Sequence[int], list[str]]:
    """The rows whose images can be used, at most `limit`, and names and reasons of the others before them.

    Decodes every image unless the table is trusted; the verdict is remembered while the files stay the same.
    The unusable are named and counted in one warning.
    Raises ValueError, with counts by kind, if no image can be used.
    """
    if table.trusted:
        return range(len(table) if limit is None else min(limit, len(table))), list(table.skipped)

    verdict = remember(
        f"usable {VERSION} {table.stamp} {framing} {limit}", lambda: _check(table, framing, limit)
    )
    bad = {number for number, *_ in verdict["bad"]}
    rows = [number for number in range(verdict["seen"]) if number not in bad]
    skipped = [*table.skipped, *(f"{name}: {reason}" for _, name, _, reason in verdict["bad"])]
    if not rows:
        counts = Counter(kind for _, _, kind, _ in verdict["bad"])
        found = ", ".join(f"{n} {kind}" for kind, n in counts.most_common()) or "no rows"
        raise ValueError(f"{table.title} has no usable image: found {found} ({named(skipped)})")
    if skipped:
        warnings.warn(
            f"{table.title}: {len(rows)} images, {len(skipped)} skipped ({named(skipped)})", stacklevel=4
        )
    return rows, skipped


def named(skipped: list[str]) -> str:
    """The first few of a list, and how many more there are."""
    more = [f"and {len(skipped) - NAMED_IN_WARNING} more"] if len(skipped) > NAMED_IN_WARNING else []
    return "; ".join(skipped[:NAMED_IN_WARNING] + more)


def _check(table: Table, framing: Framing, limit: int | None) -> dict:
    seen, bad = 0, []
    total = len(table) if limit is None else min(limit, len(table))
    # Sets that are checked within seconds show no bar.
    for number, row in tqdm(
        table.rows(), f"checking {table.title}, once", total, delay=3, unit="image", leave=False
    ):
        try:
            framing.box(*picture_of(table, row).size)
        except BadImageError as error:
            bad.append([number, table.where(number, row), error.kind, str(error)])
        seen += 1
        if seen - len(bad) == limit:
            break
    return {"seen": seen, "bad": bad}
