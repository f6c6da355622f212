"""Experiments that take long: every point is kept, and what is known so far is written after each of them."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.machine import command, load, machine, today, versions
from ldm_tutorial.classroom import (
    Experiment,
    of_families,
    of_mechanisms,
    over_guidance,
    over_minutes,
    over_steps,
)
from ldm_tutorial.classroom.experiments import read
from ldm_tutorial.training.atomic import atomic_file

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "outputs" / "experiments"
STORED = ROOT / "data" / "experiments"
FIGURES = Path(__file__).with_name("figures")
DRAW = {
    "guidance_scale": over_guidance,
    "steps_and_quality": over_steps,
    "mechanisms": of_mechanisms,
    "compression_over_time": over_minutes,
    "families": of_families,
}


def kept(of: dict, measure: Callable[[], dict]) -> dict:
    """`measure()`, or what it gave before for the same `of`, which names all that the answer depends on."""
    key = json.dumps(of, sort_keys=True)
    file = KEPT / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.json"
    if file.exists():
        return json.loads(file.read_text())["measured"]
    measured = measure()
    with atomic_file(file) as temporary:
        temporary.write_text(json.dumps({"of": of, "measured": measured}, indent=1) + "\n")
    return measured


def run(
    name: str,
    about: str,
    points: Sequence[tuple],
    row: Callable[..., dict],
    settings: dict,
    real: dict,
    missing: bool = False,
) -> Experiment:
    """The rows of all points, written to data/experiments and drawn after each.

    missing: there should have been more points. The machines are those that rows name, where they name one:
    points that were kept may come from another than this.
    """
    found = Experiment(name, about, [], settings, real, command(), today(), load(), machine(), versions())
    for number, point in enumerate(points, start=1):
        found.rows.append(row(*point))
        print(json.dumps(found.rows[-1]), flush=True)
        machines = dict.fromkeys(each.get("machine", found.machine) for each in found.rows)
        complete = number == len(points) and not missing
        record(replace(found, machine=" and ".join(machines), complete=complete))
    return read(STORED / f"{name}.json")


def record(found: Experiment) -> None:
    """Write an experiment, and its figure where one is drawn, unless the file holds the same, perhaps more.

    A run that finds what an earlier one kept so leaves date, command and load of that one.
    """
    path = STORED / f"{found.name}.json"
    if path.exists():
        old = read(path)
        same = (old.settings, old.real, old.rows[: len(found.rows)]) == (
            found.settings,
            found.real,
            found.rows,
        )
        if same and (len(old.rows) > len(found.rows) or old.complete == found.complete):
            return
    with atomic_file(path) as temporary:
        temporary.write_text(json.dumps(asdict(found), indent=1) + "\n")
    if found.name in DRAW:
        FIGURES.mkdir(exist_ok=True)
        DRAW[found.name](found).save(FIGURES / f"{found.name}.png")
