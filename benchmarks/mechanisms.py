"""Five ways to tell the same network the same captions, trained for equally many steps.

The ControlNet has half of its steps, and the model that it steers, frozen, the other half. For each the
guidance scale w that is most often right on the first 250 valid captions is chosen from 1.5, 3 and 5; with it
the first 500 valid captions and the first 500 of combinations held out of training are drawn, with
DPM-Solver++(2M) in 15 steps. `valid` and `holdout` are the shares of mentioned attributes that the classifier
finds, averaged over kinds; distances are those of the valid pictures to the 500 images of their captions.
Parameters are of all that runs beside the first stage; `forward` is the time of a guided pass of 16 images,
in units of the first row's. The last row is of real images: shares of those 500, distances of the 500 next
valid ones.
"""

import json
import statistics

import torch

from benchmarks.device import DEVICE
from benchmarks.drawing import SAMPLING, N, cells, drawn, loaded, real, settings
from benchmarks.experiments import kept, run
from benchmarks.machine import machine
from benchmarks.timing import take_turns
from ldm_tutorial.classroom import Experiment
from ldm_tutorial.commands.distances import recorded
from ldm_tutorial.data import bundled, open_images
from ldm_tutorial.diffusion import guide
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.training import wishes_of
from ldm_tutorial.training.latent_cache import module_fingerprint

EXPERIMENT = "mechanisms"
MECHANISMS = ("cross-attention", "scale-shift", "concatenation", "class-shift", "controlnet")
SCALES, CHOOSING = (1.5, 3.0, 5.0), 250
MEASURES = ("valid", "holdout", "FD-lite0", "KD-lite0", "precision", "recall")
HEADER = ["mechanism", "w", *MEASURES, "parameters", "forward", "N"]


def table(rounds: int) -> list[list[str]]:
    found = measure(trained(), rounds)
    rows = [
        [row["mechanism"], f"{row['w']:g}", *cells(row, MEASURES), millions(row), f"{row['forward']:.2f}"]
        for row in found.rows
    ]
    rows.append(["real images", "", *cells(found.real, MEASURES), "", ""])
    return [[*row, str(found.rows[0]["n"])] for row in rows]


def millions(row: dict) -> str:
    return f"{row['parameters'] / 1e6:.2f} M"


def trained() -> dict[str, LatentDiffusion]:
    """The models by mechanism: the bundled ones, or those that `ldm train` has left in outputs/."""
    found = {}
    for mechanism in MECHANISMS:
        name = f"peeps-{mechanism}"
        bundled_here = (bundled("checkpoints") / name).exists()
        try:
            found[mechanism] = loaded(name if bundled_here else f"outputs/{name}")
        except FileNotFoundError:
            print(f"{mechanism} is left out; `ldm train {name}` trains it", flush=True)
    return found


def measure(models: dict[str, LatentDiffusion], rounds: int, n: int = N) -> Experiment:
    best = real("valid", n)
    best = best | {"valid": best["accuracy"], "holdout": real("holdout", n, distances=False)["accuracy"]}
    how = recorded(next(iter(models.values())), SAMPLING) | {
        "guidance_scales": list(SCALES),
        "chosen_on": min(n, CHOOSING),
    }
    times = forward_times(models, rounds)
    points = [(mechanism, model, times[mechanism], n) for mechanism, model in models.items()]
    missing = len(models) < len(MECHANISMS)
    about = "Five mechanisms of conditioning at equal budget"
    return run(EXPERIMENT, about, points, row, settings(n, **how), best, missing)


def row(mechanism: str, model: LatentDiffusion, forward: float, n: int) -> dict:
    w = chosen_scale(model, min(n, CHOOSING))
    valid = drawn(model, "valid", n, guidance_scale=w)
    holdout = drawn(model, "holdout", n, distances=False, guidance_scale=w)
    parts = (model.unet, model.controlnet, model.conditioner)
    return {
        "mechanism": mechanism,
        "checkpoint": f"peeps-{mechanism}",
        "w": w,
        "valid": valid["accuracy"],
        "holdout": holdout["accuracy"],
        **{name: value for name, value in valid.items() if name not in ("accuracy", "density", "coverage")},
        "parameters": sum(p.numel() for part in parts if part is not None for p in part.parameters()),
        "forward": forward,
        "n": n,
    }


def chosen_scale(model: LatentDiffusion, n: int) -> float:
    """The w of SCALES that is most often right on the first n valid captions; of equals the smallest."""
    right = {w: drawn(model, "valid", n, distances=False, guidance_scale=w)["accuracy"] for w in SCALES}
    print(json.dumps({"valid, by w": right, "n": n}), flush=True)
    return max(right, key=right.get)


def forward_times(models: dict[str, LatentDiffusion], rounds: int) -> dict[str, float]:
    """The time of a guided forward pass of each, divided by the first's; they take turns."""

    def measure() -> dict[str, float]:
        seconds = take_turns({name: guided_pass(model) for name, model in models.items()}, rounds)
        first = next(iter(seconds.values()))
        ratios = {name: [a / b for a, b in zip(own, first, strict=True)] for name, own in seconds.items()}
        return {name: statistics.median(each) for name, each in ratios.items()}

    weights = {name: module_fingerprint(model) for name, model in models.items()}
    return kept({"guided pass of": weights, "rounds": rounds, "machine": machine()}, measure)


def guided_pass(model: LatentDiffusion, n: int = 16):
    asked = model.conditioner.tokenize(wishes_of(model, open_images("peeps", "valid", limit=n)))
    condition, null = model.encode(asked), model.encode(model.nothing(asked))
    denoise = guide(model.denoise, null, 3.0)
    z, t = torch.randn(n, *model.latent_shape, device=DEVICE), torch.full((n,), 500, device=DEVICE)

    @torch.no_grad()
    def forward():
        denoise(z, t, condition)

    return forward
