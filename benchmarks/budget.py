"""Training for so many minutes: how many steps that is, and what it took.

A minute is one in which the thread has a core: what runs beside it on the machine makes a training last
longer, not end earlier. The steps are counted out beforehand, from the time of a few of them, because the
learning rate must know where it ends, and a run that was interrupted must go on as if it had not been.
"""

import json
import shutil
import statistics
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.experiments import KEPT, kept
from benchmarks.machine import machine, versions
from benchmarks.timing import stopwatch
from ldm_tutorial.data import to_float
from ldm_tutorial.training import Recipe, TrainingConfig, run_recipe, train
from ldm_tutorial.training.atomic import atomic_file
from ldm_tutorial.training.checkpoint import to_json
from ldm_tutorial.training.start import objective_of, open_data
from ldm_tutorial.training.state import states

WARM, TIMED = 4, 32  # steps before the clock counts, and those that it times
BATCHES = 4  # of 64 images, from which the time to encode a whole set is told


def steps_within(minutes: float, seconds_a_step: float) -> int:
    return max(1, round(60 * minutes / seconds_a_step))


def trained_for(recipe: Recipe, run: Path, minutes: float) -> Path:
    """The checkpoint of a recipe trained in `run` for so many minutes in place of its steps."""
    return trained_to(recipe, run, steps_within(minutes, rate(recipe, run)))


def trained_to(recipe: Recipe, run: Path, steps: int) -> Path:
    """The checkpoint after so many steps, from the last state in `run` where there is one.

    A run that is further already begins anew.
    """
    if states(run) and int(states(run)[-1].name.removeprefix("step-")) > steps:
        shutil.rmtree(run)
    recipe = replace(recipe, training=replace(recipe.training, steps=steps))
    with spending(run):
        return run_recipe(recipe, run, resume=True, progress=False)


def rate(recipe: Recipe, run: Path) -> float:
    """Seconds for a step of a recipe that is to be trained in `run`."""

    def objective() -> nn.Module:
        return objective_of(recipe, open_data(recipe.data, "train"), run, progress=False)

    return kept_rate(to_json(recipe), objective, recipe.training)


def kept_rate(of: dict, objective: Callable[[], nn.Module], training: TrainingConfig) -> float:
    """Seconds for a step, measured once on this machine for what `of` describes."""

    def measure() -> dict:
        return {"seconds": seconds_a_step(objective(), training)}

    return kept({"a step of": of, "machine": machine(), "versions": versions()}, measure)["seconds"]


def seconds_a_step(objective: nn.Module, training: TrainingConfig, timed: int = TIMED) -> float:
    """The mean over a few steps of the training loop itself; what is trained is of no further use."""
    clock, moments, fetch = stopwatch(), [], objective.fetch

    def fetch_and_look_at_the_clock(indices: Tensor) -> dict:
        moments.append(clock())
        return fetch(indices)

    objective.fetch = fetch_and_look_at_the_clock
    objective.strip = lambda: torch.zeros(1, 3, 8, 8)
    steps = WARM + timed + 1
    with tempfile.TemporaryDirectory() as folder:
        train(objective, replace(training, steps=steps, accumulation=1), Path(folder), progress=False)
    return statistics.mean(later - earlier for earlier, later in list(pairwise(moments))[WARM:])


@torch.no_grad()
def encoding_minutes(first_stage: nn.Module, images) -> float:
    """The time that encoding all images takes, from that of a few batches."""

    def measure() -> dict:
        clock, seconds = stopwatch(), []
        for indices in torch.arange(min(64 * BATCHES, len(images))).split(64):
            began = clock()
            first_stage.encode(to_float(images.pixels(indices)))
            seconds.append((clock() - began) / len(indices))
        return {"minutes": statistics.median(seconds) * len(images) / 60}

    config = to_json(first_stage.config)
    of = {"encoding by": config, "images": len(images), "machine": machine(), "versions": versions()}
    return kept(of, measure)["minutes"]


@contextmanager
def spending(run: Path):
    """Adds the time that passes inside to what `spent` tells of a run, also where it is interrupted."""
    clock = stopwatch()
    began, earlier = clock(), spent(run)
    try:
        yield
    finally:
        with atomic_file(run / "spent.json") as temporary:
            temporary.write_text(json.dumps({"minutes": earlier + (clock() - began) / 60}) + "\n")


def spent(run: Path) -> float:
    """Minutes that have gone into a run, its start and its checkpoints included."""
    file = run / "spent.json"
    return json.loads(file.read_text())["minutes"] if file.exists() else 0.0


def run_folder(*names: object) -> Path:
    """Where a run is kept; runs are side by side, so that those of one first stage share its latents."""
    return KEPT / "-".join(map(str, names))
