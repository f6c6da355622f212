"""The tables of the card of Peeps: `python -m ldm_tutorial.data.peeps_card data/peeps` prints them."""

import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from ldm_tutorial.data.peeps_attributes import HOLDOUT, KINDS, choose, held_out
from ldm_tutorial.data.peeps_build import SPLITS

DRAWN = 20_000  # seeds over which the shares of held-out combinations are counted


def tables(folder: Path) -> str:
    """Files, held-out combinations and the count of every attribute value in each split, as Markdown."""
    rows = {name: _read(folder, name) for name in SPLITS}
    return "\n\n".join([_files(folder), _held_out(rows["holdout"]), _values(rows), _captions(rows["train"])])


def _read(folder: Path, split: str) -> list[dict]:
    columns = ["attributes", "caption", "mentions"]
    paths = sorted(folder.glob(f"{split}*.parquet"))
    return [row for path in paths for row in pq.read_table(path, columns=columns).to_pylist()]


def _files(folder: Path) -> str:
    lines = ["| file | rows | MB |", "|---|---:|---:|"]
    for path in sorted(folder.glob("*.parquet")):
        rows = pq.ParquetFile(path).metadata.num_rows
        lines.append(f"| `{path.name}` | {rows:,} | {path.stat().st_size / 1e6:.1f} |")
    return "\n".join(lines)


def _held_out(holdout: list[dict]) -> str:
    drawn = [choose(seed)[1] for seed in range(DRAWN)]
    lines = ["| never in train or valid | share of what would be drawn | in holdout |", "|---|---:|---:|"]
    for wanted in HOLDOUT:
        share = sum(wanted.items() <= each.items() for each in drawn) / DRAWN
        count = sum(wanted.items() <= row["attributes"].items() for row in holdout)
        text = ", ".join(f"{kind} {value}" for kind, value in wanted.items())
        lines.append(f"| {text} | {share:.2%} | {count} |")
    lines.append(f"| any of them | {sum(map(held_out, drawn)) / DRAWN:.2%} | {len(holdout)} |")
    return "\n".join(lines)


def _values(rows: dict[str, list[dict]]) -> str:
    lines = ["| kind | value | train | valid | holdout |", "|---|---|---:|---:|---:|"]
    for kind in KINDS:
        counts = {split: Counter(row["attributes"][kind] for row in rows[split]) for split in rows}
        for value, _ in sorted(counts["train"].items(), key=lambda item: (-item[1], item[0])):
            numbers = " | ".join(f"{counts[split][value]:,}" for split in rows)
            lines.append(f"| {kind} | {value} | {numbers} |")
    return "\n".join(lines)


def _captions(train: list[dict]) -> str:
    mentioned = Counter(kind for row in train for kind in row["mentions"])
    lines = ["| kind | captions of train that mention it |", "|---|---:|"]
    lines += [f"| {kind} | {mentioned[kind] / len(train):.0%} |" for kind in KINDS]
    different = len({row["caption"] for row in train})
    lines.append(f"\n{different:,} of the {len(train):,} captions of train are different.")
    return "\n".join(lines)


if __name__ == "__main__":
    print(tables(Path(sys.argv[1])))
