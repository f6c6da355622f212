"""How many network calls each sampler needs: peeps-ldm with w = 3, all samplers from the same noise.

The first 500 valid captions, timesteps "trailing". Heun calls the network twice in every step but the last;
DDPM adds noise and has 50 steps. Accuracy is the share of the attributes a caption mentions that the
classifier finds in the picture, averaged over kinds; distances are to the 500 images of the captions. The
last row is of real images: accuracy of those 500, distances of the 500 next.
"""

from benchmarks.drawing import SAMPLING, N, cells, drawn, loaded, real, settings
from benchmarks.experiments import run
from ldm_tutorial.classroom import Experiment
from ldm_tutorial.commands.distances import recorded
from ldm_tutorial.diffusion import DDIM, DDPM, DPMSolverPP2M, Heun
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.training.latent_cache import module_fingerprint

EXPERIMENT = "steps_and_quality"
CHECKPOINT, SCALE = "peeps-ldm", 3.0
NAMES = {DDIM: "DDIM", DPMSolverPP2M: "DPM-Solver++(2M)", Heun: "Heun", DDPM: "DDPM"}
STEPS = {DDIM: (4, 8, 15, 25, 50), DPMSolverPP2M: (4, 8, 15, 25, 50), Heun: (3, 4, 8, 13, 25), DDPM: (50,)}
MEASURES = ("accuracy", "FD-lite0", "KD-lite0", "precision", "recall")
HEADER = ["sampler", "steps", "calls", *MEASURES, "N"]


def table(rounds: int) -> list[list[str]]:  # noqa: ARG001 (nothing is timed)
    found = measure(loaded(CHECKPOINT))
    order = sorted(found.rows, key=lambda row: list(NAMES.values()).index(row["sampler"]))
    places = ("sampler", "steps", "calls")
    rows = [[*(str(row[key]) for key in places), *cells(row, MEASURES), str(row["n"])] for row in order]
    return [*rows, ["real images", "", "", *cells(found.real, MEASURES), str(found.rows[0]["n"])]]


def measure(model: LatentDiffusion, n: int = N) -> Experiment:
    fixed = SAMPLING | {"guidance_scale": SCALE}
    how = {"checkpoint": CHECKPOINT, "weights": module_fingerprint(model)} | recorded(model, fixed)
    how = {name: value for name, value in how.items() if name not in ("sampler", "steps")}
    # Few calls first, so that what is written early compares the samplers.
    points = sorted(((s, steps) for s in STEPS for steps in STEPS[s]), key=lambda point: calls(*point))
    about = "Samplers and their steps against accuracy, distance, precision and recall"
    given = [(model, sampler, steps, n) for sampler, steps in points]
    return run(EXPERIMENT, about, given, row, settings(n, **how), real("valid", n))


def calls(sampler: type, steps: int) -> int:
    """How often a sampler asks the network for one picture."""
    return 2 * steps - 1 if sampler is Heun else steps


def row(model: LatentDiffusion, sampler: type, steps: int, n: int) -> dict:
    found = drawn(model, "valid", n, sampler=sampler, steps=steps, guidance_scale=SCALE)
    place = {"sampler": NAMES[sampler], "steps": steps, "calls": calls(sampler, steps)}
    return (
        place | {key: value for key, value in found.items() if key not in ("density", "coverage")} | {"n": n}
    )
