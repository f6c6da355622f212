"""What the long measurements of the course found, and the figures that lessons draw from it.

`python -m benchmarks.run --only NAME` measures one again and writes data/experiments/NAME.json.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path

from ldm_tutorial.classroom.curves import bars
from ldm_tutorial.classroom.panels import panels
from ldm_tutorial.classroom.style import Picture
from ldm_tutorial.data import bundled

SAMPLERS = ("DDIM", "Heun", "DPM-Solver++(2M)", "DDPM")  # in the colours of lesson 06's other figures
VALID, HOLDOUT = "valid captions", "held-out combinations"


@dataclass(frozen=True)
class Experiment:
    """The rows of a measurement, and how they came about.

    rows: a dict for each point; "n" in it is how many pictures stand behind each of its numbers.
    settings: what all rows share: checkpoint, sampler, seed, network of the distances ...
    real: the same measures of real images in the place of drawn ones: as good as can be told apart.
    complete: False while points are missing, of a run that was interrupted or goes on.
    """

    name: str
    about: str
    rows: list[dict]
    settings: dict
    real: dict
    command: str
    date: str
    load: str
    machine: str
    versions: dict
    complete: bool = True

    def __str__(self) -> str:
        """Where the numbers come from, in one line to print below them."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        missing = "" if self.complete else "; points are still missing"
        pictures = " or ".join(f"{n:,}" for n in sorted({row["n"] for row in self.rows}))
        return (
            f"Measured {self.date} by `{self.command}` on {self.machine} (load {self.load}; {versions}), "
            f"N = {pictures}{missing}"
        )


def experiment(name: str) -> Experiment:
    """The stored measurement of that name.

    Raises FileNotFoundError, naming near matches, where there is none, and ValueError for a damaged file.
    """
    folder = bundled("experiments")
    path = folder / f"{name}.json"
    if not path.is_file():
        known = sorted(each.stem for each in folder.glob("*.json"))
        near = get_close_matches(name, known, cutoff=0.4)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known) or 'none'}"
        raise FileNotFoundError(f"no experiment '{name}' in {folder.name}; {hint}")
    return read(path)


def read(path: Path) -> Experiment:
    """The measurement in a file. Raises ValueError where something in it is missing or unknown."""
    try:
        stored = json.loads(Path(path).read_text(encoding="utf-8"))
        return Experiment(**stored)
    except (json.JSONDecodeError, TypeError) as error:
        needed = ", ".join(field.name for field in fields(Experiment))
        raise ValueError(f"experiment {path} is damaged ({error}); it holds {needed}") from None


def over_guidance(found: Experiment, title: str = "") -> Picture:
    """Accuracy, Frechet distance, precision and recall over the guidance scale w, of `guidance_scale`."""
    w = column(found.rows, "w")
    accuracy = {VALID: "accuracy", HOLDOUT: "accuracy_holdout"}
    return panels(
        {
            "share of asked attributes that are there": {
                name: (w, column(found.rows, key)) for name, key in accuracy.items()
            },
            "FD-lite0, less is better": {"drawn": (w, column(found.rows, "FD-lite0"))},
            "precision and recall": {key: (w, column(found.rows, key)) for key in ("precision", "recall")},
        },
        "guidance scale w",
        title or f"What guidance buys and costs, {pictures(found)} at every w",
        levels=real_levels(found.real, {"FD-lite0, less is better": "FD-lite0"}),
        ranges={
            "share of asked attributes that are there": (0, 1.03),
            "FD-lite0, less is better": (0, None),
            "precision and recall": (0, 1.03),
        },
    )


def over_steps(found: Experiment, title: str = "") -> Picture:
    """Accuracy, Frechet distance and recall over each sampler's network calls, of `steps_and_quality`."""
    measures = {
        "share of asked attributes that are there": "accuracy",
        "FD-lite0, less is better": "FD-lite0",
        "recall": "recall",
    }
    samplers = sorted(set(column(found.rows, "sampler")), key=SAMPLERS.index)
    rows = {name: [row for row in found.rows if row["sampler"] == name] for name in samplers}
    return panels(
        {
            measure: {name: (column(of, "calls"), column(of, key)) for name, of in rows.items()}
            for measure, key in measures.items()
        },
        "calls of the network for a picture",
        title or f"How many calls each sampler needs, {pictures(found)} at every point",
        levels=real_levels(found.real, measures),
        ranges=dict.fromkeys(measures, (0, None)) | {"share of asked attributes that are there": (0, 1.03)},
        logx=True,
    )


def of_mechanisms(found: Experiment, title: str = "") -> Picture:
    """Accuracy of each mechanism on both kinds of captions, of `mechanisms`."""
    return bars(
        {row["mechanism"]: {VALID: row["valid"], HOLDOUT: row["holdout"]} for row in found.rows},
        "share of asked attributes",
        title or f"Five ways to tell a network what to draw, at equal budget, {pictures(found)} a bar",
        form="{:.1%}",
        size=(11.0, 4.2),
    )


def column(rows: list[dict], key: str) -> list:
    return [row[key] for row in rows]


def pictures(found: Experiment) -> str:
    """ "N = 500 pictures", which belongs beside every number."""
    return f"N = {' or '.join(f'{n:,}' for n in sorted(set(column(found.rows, 'n'))))} pictures"


def real_levels(real: Mapping[str, float], measures: Mapping[str, str]) -> dict:
    """For each title of `measures` a line at what other real images have, the best to be expected."""
    return {title: {"other real images": real[key]} for title, key in measures.items() if key in real}
