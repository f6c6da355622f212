"""How the small GAN was tuned, on the portraits, four minutes of one core each: one thing changed at a time,
then together what had helped.

    python -m benchmarks.gan_search

prints FD-lite0 of 500 samples against the first 1,000 validation images. CHANGES are to what was tried first.
What is best is written into small_gan.py by hand; runs are kept, and go on where they were interrupted.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.budget import kept_rate, run_folder, spending, steps_within
from benchmarks.experiments import kept
from benchmarks.faces import IMAGES, distances, validation
from benchmarks.small_gan import TRAINING, GANConfig, GANObjective
from ldm_tutorial.training import DataConfig, TrainingConfig, train
from ldm_tutorial.training.start import hold, open_data

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


def main() -> None:
    torch.set_num_threads(1)
    for name in CHANGES:
        found = searched(*settings(name))
        said = ", ".join(f"{measure} {value:.4g}" for measure, value in found.items())
        print(f"{name}: {said}", flush=True)


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
        run = run_folder("gan-search", hashlib.sha256(repr(of).encode()).hexdigest()[:8])
        model, steps = trained(config, training, "peeps", minutes, run)
        return {"steps": steps} | distances(model.sample(N), validation("peeps", REFERENCE))

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


if __name__ == "__main__":
    main()
