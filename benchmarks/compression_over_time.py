"""How much a first stage should compress: quality over training time at f = 1, 2, 4, 8 and 16.

The experiment of section 4.1 of Rombach et al. 2022, at the size of one core and some minutes. f = 1 diffuses
the pixels; the others the latents of a bundled first stage. U-Nets have the same number of parameters within
8%, a residual block a level, levels down to 4x4 and attention at 8x8 and 4x4: the larger the latent, the more
of its levels are wide and narrow in channels. Batch 16, v prediction and a learning rate of 8e-4 that does
not fall are the same for all; the noise schedule is the cosine for pixels and the paper's for latents. There
are no captions. The weights drawn from are a moving average over about the last ninth of the steps so far.

The first stage and the encoding of the images are not counted, as in the paper; `first stage` says how long
its training took. Evaluations stop the clock. A minute is one in which the thread has a core, of the machine
that began: steps are counted out once, and all seeds make as many, on whatever machine. FD-lite0 is of 500
samples, DPM-Solver++(2M) in 15 steps, against 1,000 validation images; three seeds of training, mean and
range. `copies` is FD-lite0 of the first stage's reconstructions of 500 other validation images: diffusion can
hardly do better than its decoder. `spent` is what the longest training took in the end, its start and its
checkpoints included. Read each column with its floor, `real`, in mind. For faces there is no first stage of
f = 2 or 16.
"""

import argparse
import re
import statistics
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.budget import rate, run_folder, spent, steps_within, trained_to
from benchmarks.experiments import kept, run
from benchmarks.faces import (
    SETS,
    available,
    distances,
    distances_of_copies,
    looked_at,
    real_distances,
    validation,
)
from benchmarks.machine import machine
from ldm_tutorial.classroom import Experiment
from ldm_tutorial.data import bundled
from ldm_tutorial.diffusion import DPMSolverPP2M
from ldm_tutorial.latent_diffusion import ScheduleConfig
from ldm_tutorial.training import (
    DataConfig,
    LatentDiffusionRecipe,
    TrainingConfig,
    find_checkpoint,
    load_checkpoint,
)
from ldm_tutorial.training.checkpoint import digest, to_json
from ldm_tutorial.unet import UNetConfig

EXPERIMENT = "compression_over_time"
HOURS = 4  # on one core, about
MINUTES = (1.5, 3.0, 6.0)
SEEDS = (0, 1, 2)
N, REFERENCE, BATCH = 500, 1000, 50
FACTORS = {"peeps": (1, 2, 4, 8, 16), "celeba64": (1, 4, 8)}
SAMPLING = {"sampler": DPMSolverPP2M, "steps": 15, "spacing": "trailing", "seed": 0}

# by f: latent channels, then the U-Net's channels and their multiples from the latent's side down to 4x4
UNETS = {
    1: (3, 16, (1, 2, 3, 6, 6)),
    2: (4, 24, (1, 2, 4, 4)),
    4: (4, 48, (1, 2, 2)),
    8: (4, 96, (1, 1)),
    16: (16, 128, (1,)),
}
TRAINING = TrainingConfig(
    batch_size=16,
    learning_rate=8e-4,
    warmup=50,
    ema_decay=0.9999,  # never reached: what EMA begins with, an average over the last ninth, stays
    weight_decay=0.01,
    device="cpu",
    checkpoint_every=200,
    strip_every=10**9,
)
HEADER = [
    "data",
    "f",
    "latent",
    "U-Net",
    "steps a minute",
    *(f"FD-lite0 after {minutes:g} min" for minutes in MINUTES),
    "spent, min",
    "copies",
    "first stage, min",
]


def table(rounds: int) -> list[list[str]]:  # noqa: ARG001 (three seeds are the rounds)
    return lines(measure(available(), SEEDS, MINUTES))


def lines(found: Experiment) -> list[list[str]]:
    rows = []
    for data in dict.fromkeys(row["data"] for row in found.rows):
        of_data = [row for row in found.rows if row["data"] == data]
        rows += [cells([row for row in of_data if row["f"] == f]) for f in FACTORS[data]]
        floor = f"{found.real[data]['FD-lite0']:.0f}"
        rows.append([data, "real", "", "", "", *([""] * (len(MINUTES) - 1)), floor, "", "", ""])
    return rows


def cells(of_f: list[dict]) -> list[str]:
    first = of_f[0]
    took = [row["minutes_spent"] for row in of_f if row["minutes"] == MINUTES[-1]]
    distance = [[row["FD-lite0"] for row in of_f if row["minutes"] == minutes] for minutes in MINUTES]
    return [
        first["data"],
        str(first["f"]),
        first["latent"],
        f"{first['parameters'] / 1e6:.1f} M",
        f"{first['steps'] / first['minutes']:.0f}",
        *(f"{statistics.mean(d):.0f} ({min(d):.0f} to {max(d):.0f})" if d else "" for d in distance),
        f"{min(took):.1f} to {max(took):.1f}" if took else "",
        "" if first["copies"] is None else f"{first['copies']:.0f}",
        "" if first["first_stage_minutes"] is None else str(first["first_stage_minutes"]),
    ]


def measure(sets: list[str], seeds: tuple[int, ...], minutes: tuple[float, ...]) -> Experiment:
    """All points, those first that make the first whole figure."""
    points = [
        (data, f, seed, until) for seed in seeds for data in sets for f in FACTORS[data] for until in minutes
    ]
    how = {"n": N, "reference": f"the first {REFERENCE} valid images", "batch_size": TRAINING.batch_size}
    how |= {"sampler": "DPMSolverPP2M", "steps": SAMPLING["steps"], "spacing": SAMPLING["spacing"]}
    how |= {"seeds": list(seeds), "sampling_seed": SAMPLING["seed"]} | looked_at()
    best = {data: real_distances(data, N, REFERENCE) for data in sets}
    about = "Latent diffusion at f = 1 to 16: distance over minutes of training"
    return run(EXPERIMENT, about, points, row, how, best, missing=len(sets) < len(SETS))


def row(data: str, f: int, seed: int, minutes: float) -> dict:
    """Quality after so many minutes; trains on from where the point before it was."""
    stage = first_stage(data, f)
    latents = "pixels" if stage is None else digest(find_checkpoint(stage) / "model.safetensors")[:8]
    recipe, folder = recipe_of(data, f, seed), run_folder(EXPERIMENT, data, f"f{f}", latents, seed)
    steps = steps_within(minutes, seconds_a_step(data, f, folder))

    def measured() -> dict:
        model = load_checkpoint(trained_to(recipe, folder, steps)).to(memory_format=torch.channels_last)
        samples = model.sample(n=N, batch_size=BATCH, **SAMPLING)
        parameters = sum(p.numel() for p in model.unet.parameters())
        figures = distances(samples, validation(data, REFERENCE))
        latent = " x ".join(map(str, model.latent_shape))
        spending = {"minutes_spent": spent(folder), "machine": machine()}
        return {"latent": latent, "parameters": parameters} | spending | figures

    of = {"trained": to_json(recipe), "latents": latents, "steps": steps, "n": N, "reference": REFERENCE}
    figures = {"data": data, "f": f, "seed": seed, "minutes": minutes, "steps": steps} | kept(of, measured)
    return figures | {
        "copies": copies(data, f),
        "first_stage_minutes": stage and stage_minutes(stage),
        "n": N,
    }


def seconds_a_step(data: str, f: int, folder: Path) -> float:
    """Measured once, on the machine that begins: all seeds make the same steps, on whatever machine."""
    recipe = recipe_of(data, f, 0)
    return kept({"steps counted by": to_json(recipe)}, lambda: {"seconds": rate(recipe, folder)})["seconds"]


def recipe_of(data: str, f: int, seed: int) -> LatentDiffusionRecipe:
    channels, width, mult = UNETS[f]
    sides = {2**level: 64 // f // 2**level for level in range(len(mult))}  # by factor inside the U-Net
    return LatentDiffusionRecipe(
        name=f"{data}-f{f}",
        about=f"{SETS[data]} without captions, f = {f}",
        data=DataConfig(data),
        first_stage=first_stage(data, f),
        unet=UNetConfig(
            channels,
            channels,
            width,
            mult,
            res_blocks=1,
            attention=tuple(factor for factor, side in sides.items() if side <= 8),
            head_channels=None,
            heads=2,
            norm_groups=8,
        ),
        prediction="v",
        schedule=ScheduleConfig("cosine") if f == 1 else ScheduleConfig(),
        training=replace(TRAINING, seed=seed),
    )


def first_stage(data: str, f: int) -> str | None:
    return None if f == 1 else f"{data}-kl-f{f}"


def copies(data: str, f: int) -> float | None:
    """FD-lite0 of reconstructions of the N validation images after the reference."""
    if f == 1:
        return None
    name = first_stage(data, f)

    def measured() -> dict:
        return distances_of_copies(load_checkpoint(name), data, N, REFERENCE)

    return kept({"copies of": name, "n": N, "reference": REFERENCE}, measured)["FD-lite0"]


def stage_minutes(name: str) -> int | None:
    """How long a bundled first stage was trained, as its card says."""
    card = Path(bundled("checkpoints") / name / "README.md").read_text(encoding="utf-8")
    said = re.search(r"time and hardware \| (\d+) minutes", card)
    return int(said.group(1)) if said else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Measure some of the points and keep them; `python -m benchmarks.run --only "
        f"{EXPERIMENT}` writes what is kept."
    )
    parser.add_argument("--data", nargs="+", choices=SETS, default=available())
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for seed in options.seeds:
        for data in options.data:
            for f in FACTORS[data]:
                for minutes in MINUTES:
                    print(row(data, f, seed, minutes), flush=True)
