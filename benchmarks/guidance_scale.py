"""What guidance buys and what it costs: peeps-ldm at every guidance scale w, from the same noise.

It draws the first 500 valid captions, and for the second accuracy the first 500 of combinations held out of
training, with DPM-Solver++(2M) in 15 steps. Accuracy is the share of the attributes a caption mentions that
the classifier finds in the picture, averaged over kinds; at w = 0 captions are not read, and chance decides.
Distances are to the 500 images of the captions. The last row is of real images: accuracy of those 500,
distances of the 500 next. With so few, FD-lite0 is far from 0 even for them: compare numbers of one N.
"""

from benchmarks.drawing import SAMPLING, N, cells, drawn, loaded, real, settings
from benchmarks.experiments import run
from ldm_tutorial.classroom import Experiment
from ldm_tutorial.commands.distances import recorded
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.training.latent_cache import module_fingerprint

EXPERIMENT = "guidance_scale"
CHECKPOINT = "peeps-ldm"
SCALES = (0.0, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0)
MEASURES = (
    "accuracy",
    "accuracy_holdout",
    "FD-lite0",
    "KD-lite0",
    "precision",
    "recall",
    "density",
    "coverage",
)
HEADER = ["w", *MEASURES, "N"]


def table(rounds: int) -> list[list[str]]:  # noqa: ARG001 (nothing is timed)
    found = measure(loaded(CHECKPOINT))
    rows = [[f"{row['w']:g}", *cells(row, MEASURES), str(row["n"])] for row in found.rows]
    return [*rows, ["real images", *cells(found.real, MEASURES), str(found.rows[0]["n"])]]


def measure(model: LatentDiffusion, n: int = N) -> Experiment:
    how = {"checkpoint": CHECKPOINT, "weights": module_fingerprint(model)} | recorded(model, SAMPLING)
    best = real("valid", n) | {"accuracy_holdout": real("holdout", n, distances=False)["accuracy"]}
    about = "The guidance scale against accuracy, distance, precision and recall"
    return run(EXPERIMENT, about, [(model, w, n) for w in SCALES], row, settings(n, **how), best)


def row(model: LatentDiffusion, w: float, n: int) -> dict:
    valid = drawn(model, "valid", n, guidance_scale=w)
    holdout = drawn(model, "holdout", n, distances=False, guidance_scale=w)
    accuracies = {"accuracy": valid["accuracy"], "accuracy_holdout": holdout["accuracy"]}
    return {"w": w} | accuracies | valid | {"n": n}
