"""Numbers in columns, as text that is the same on every machine."""

from collections.abc import Mapping, Sequence


def table(rows: Sequence[Mapping[str, object]], digits: int = 2) -> None:
    """Print rows with equal keys as a table; the keys are its head. Floats get `digits` decimals."""
    if not rows or any(list(row) != list(rows[0]) for row in rows):
        raise ValueError("table needs at least one row, and the same keys in the same order in each")
    head = list(rows[0])
    cells = [[_cell(value, digits) for value in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    left = [isinstance(value, str) for value in rows[0].values()]
    for line in (head, ["-" * width for width in widths], *cells):
        placed = zip(line, widths, left, strict=True)
        print("   ".join(c.ljust(w) if to_left else c.rjust(w) for c, w, to_left in placed).rstrip())


def _cell(value, digits):
    if isinstance(value, float):
        return f"{value:,.{digits}f}".replace("-0." + "0" * digits, "0." + "0" * digits)
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
