"""How the small GAN was tuned, on the portraits, four minutes of one core each: one thing changed at a time,
then together what had helped.

Distances are those of 500 samples to the first 1,000 validation images, one seed of training; `first` is
256 channels, batches of 16, a learning rate of 5e-4, R1 of weight 1, and images changed in colour, cut out
and shifted (Zhao et al. 2020). Steps are counted out from the time of a few, so that a busy machine gives
some runs fewer. What is best was written into small_gan.py by hand, after a first search.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.budget import kept_rate, run_folder, spending, steps_within
from benchmarks.drawing import cells
from benchmarks.experiments import kept, run
from benchmarks.faces import IMAGES, distances, looked_at, real_distances, validation
from benchmarks.machine import machine
from benchmarks.small_gan import TRAINING, GANConfig, GANObjective
from ldm_tutorial.classroom import Experiment
from ldm_tutorial.training import DataConfig, TrainingConfig, train
from ldm_tutorial.training.start import hold, open_data

EXPERIMENT = "gan_search"
HOURS = 1  # on one core, about
MEASURES = ("FD-lite0", "KD-lite0")
HEADER = ["changed", "steps", *MEASURES, "N"]
MINUTES, N, REFERENCE = 4.0, 500, 1000
FIRST = {"widths": (256, 128, 64, 32), "batch_size": 16, "learning_rate": 5e-4, "r1_weight": 1.0}
FIRST |= {"colour": 1.0, "cutout": 1 / 2, "shift": 1 / 8}
FAST = {"widths": (128, 64, 32, 16), "batch_size": 8}
SHIFTED = {"colour": 0.0, "cutout": 0.0}
CHANGES = {
    "first": {},
    "half as wide": {"widths": (128, 64, 32, 16)},
    "learning rate 1e-3": {"learning_rate": 1e-3},
    "batches of 8": {"batch_size": 8},
    "images only shifted": SHIFTED,
    "images as they are": {"colour": 0.0, "cutout": 0.0, "shift": 0.0},
    "R1 0.1": {"r1_weight": 0.1},
    "half as wide, 8": FAST,
    "half as wide, 8, learning rate 1e-3": FAST | {"learning_rate": 1e-3},
    "half as wide, 8, images only shifted": FAST | SHIFTED,
    "half as wide, 8, images only shifted, 1e-3": FAST | SHIFTED | {"learning_rate": 1e-3},
    "half as wide, 8, images only shifted, 2e-3": FAST | SHIFTED | {"learning_rate": 2e-3},
    "a quarter as wide, 8, images only shifted": FAST | SHIFTED | {"widths": (64, 32, 16, 8)},
}


def table(rounds: int) -> list[list[str]]:  # noqa: ARG001 (nothing is repeated)
    return lines(measure())


def lines(found: Experiment) -> list[list[str]]:
    rows = [[row["changed"], str(row["steps"]), *cells(row, MEASURES), str(row["n"])] for row in found.rows]
    return [*rows, ["real images", "", *cells(found.real, MEASURES), str(N)]]


def measure() -> Experiment:
    how = {"minutes": MINUTES, "images": IMAGES, "n": N, "seed": TRAINING.seed, "sampling_seed": 0}
    how |= {"reference": f"the first {REFERENCE} valid images"} | looked_at()
    best = real_distances("peeps", N, REFERENCE)
    return run(EXPERIMENT, "How the small GAN was tuned", [(name,) for name in CHANGES], row, how, best)


def row(name: str) -> dict:
    return {"changed": name} | searched(*settings(name)) | {"n": N}


def settings(name: str) -> tuple[GANConfig, TrainingConfig]:
    """What the run of that name is built and trained with."""
    change = FIRST | CHANGES[name]
    of_training = {key: value for key, value in change.items() if hasattr(TRAINING, key)}
    of_networks = {key: value for key, value in change.items() if key not in of_training}
    return replace(GANConfig(), **of_networks), replace(TRAINING, **of_training)


def searched(config: GANConfig, training: TrainingConfig, minutes: float = MINUTES) -> dict:
    """The distances of what a GAN draws after so many minutes, and the steps that it was trained."""
    of = {"GAN": repr(config), "training": repr(training), "minutes": minutes, "n": N}

    def measured() -> dict:
        folder = run_folder("gan-search", hashlib.sha256(repr(of).encode()).hexdigest()[:8])
        model, steps = trained(config, training, "peeps", minutes, folder)
        figures = distances(model.sample(N), validation("peeps", REFERENCE))
        return {"steps": steps, "machine": machine()} | figures

    return kept(of, measured)


def trained(
    config: GANConfig, training: TrainingConfig, data: str, minutes: float, run: Path
) -> tuple[torch.nn.Module, int]:
    """The generator after so many minutes on the first IMAGES of a set and their mirror images; its steps."""
    images = hold(open_data(DataConfig(data, limit=IMAGES, flip=True), "train"))

    def objective() -> GANObjective:
        torch.manual_seed(training.seed)
        return GANObjective(images, config)

    of = {"GAN": repr(config), "training": repr(training), "data": data}
    steps = steps_within(minutes, kept_rate(of, objective, training))
    players = objective()
    with spending(run):
        train(players, replace(training, steps=steps), run, resume=True, progress=False)
    return players.model.eval(), steps
