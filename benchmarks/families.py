"""Five families of generative models on the same images for the same minutes of one core, none with captions.

Every family has 12 minutes from random weights to its last step, everything included: where it has a first
stage, 40% of them go into that, some into encoding the images, and the rest into what is trained on its
codes or latents. In the rows `on a given first stage` that stage is the bundled one, whose own minutes stand
beside it and are not counted: this is what one that was there already is worth. Learning rates fall along a
cosine to 0 at the end (the GAN's stays); steps are counted out from the time of a few of them. A minute is
one in which the thread has a core. All see the same 12,000 images, the GAN also mirrored.

The VAE draws from N(0, I), with a KL weight at which that is its prior. The GAN was made for this comparison
(small_gan.py, and gan_search.py for its settings). The transformer writes 256 codes. Diffusion models draw
with DPM-Solver++(2M) in 20 steps.
1,000 samples (seeds 0 to 999) against the first 1,000 validation images, one seed of training; `real` are the
1,000 after these, `copies` what the first stage makes of the same. With so few, FD-lite0 is far from 0 even
for real images: compare numbers of one N. Parameters are of all that draws an image, seconds of one core.
"""

import argparse
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.budget import encoding_minutes, run_folder, spent, trained_for
from benchmarks.compression_over_time import recipe_of, stage_minutes
from benchmarks.drawing import cells as measures
from benchmarks.experiments import STORED, kept, run
from benchmarks.faces import (
    IMAGES,
    SETS,
    available,
    distances,
    distances_of_copies,
    looked_at,
    real_distances,
    validation,
)
from benchmarks.gan_search import trained as trained_gan
from benchmarks.machine import machine
from benchmarks.small_gan import TRAINING as GAN_TRAINING
from benchmarks.small_gan import GANConfig
from benchmarks.timing import stopwatch
from ldm_tutorial.classroom import Experiment
from ldm_tutorial.data import to_uint8
from ldm_tutorial.diffusion import DPMSolverPP2M, seeded_noise
from ldm_tutorial.first_stage import KLAutoencoder
from ldm_tutorial.recipes import all_recipes
from ldm_tutorial.training import DataConfig, FirstStageRecipe, Recipe, load_checkpoint
from ldm_tutorial.training.atomic import atomic_file
from ldm_tutorial.training.start import open_data

EXPERIMENT = "families"
HOURS = 3  # on one core, about
MINUTES, FIRST_STAGE_SHARE = 12.0, 0.4
N, BATCH, SHOWN = 1000, 50, 6
SAMPLING = {"sampler": DPMSolverPP2M, "steps": 20, "spacing": "trailing"}
GIVEN = "on a given first stage"
HEADER = [
    "data",
    "family",
    "given first stage, min",
    "parameters",
    "FD-lite0",
    "KD-lite0",
    "precision",
    "recall",
    "seconds an image",
    "N",
    "copies, FD-lite0",
]


@dataclass(frozen=True)
class Plan:
    """What a family trains, and on which first stage: one to be trained too, or the name of a bundled one."""

    model: Recipe | GANConfig
    stage: FirstStageRecipe | str | None = None


def plans(data: str) -> dict[str, Plan]:
    recipes, images = all_recipes(), DataConfig(data, limit=IMAGES)
    at_this_budget = replace(recipes["peeps-ldm"].training, warmup=50, device="cpu", strip_every=10**9)
    diffusion = {f: replace(recipe_of(data, f, 0), data=images, training=at_this_budget) for f in (1, 4)}
    prior = replace(recipes["peeps-prior-f4"], data=images)

    def first_stage(name: str) -> FirstStageRecipe:
        """The bundled one's recipe, narrower: twice as many steps in the same time."""
        recipe = recipes[f"{data}-{name}"]
        return replace(
            recipe,
            data=images,
            first_stage=replace(recipe.first_stage, channels=32, norm_groups=8),
            training=replace(recipe.training, warmup=50, ema_decay=0.99),
        )

    return {
        "VAE": Plan(replace(recipes[f"{data}-vae-f32"], data=images)),
        "GAN": Plan(GANConfig()),
        "VQ + transformer": Plan(prior, first_stage("vq-f4")),
        "diffusion on pixels": Plan(diffusion[1]),
        "latent diffusion": Plan(diffusion[4], first_stage("kl-f4")),
        f"VQ + transformer {GIVEN}": Plan(prior, f"{data}-vq-f4"),
        f"latent diffusion {GIVEN}": Plan(diffusion[4], f"{data}-kl-f4"),
    }


def table(rounds: int) -> list[list[str]]:  # noqa: ARG001 (nothing is repeated)
    return lines(measure(available()))


def lines(found: Experiment) -> list[list[str]]:
    rows = []
    for data in dict.fromkeys(row["data"] for row in found.rows):
        of_data = [row for row in found.rows if row["data"] == data]
        rows += [
            cells(row) for row in [*of_data, {"data": data, "family": "real", "n": N} | found.real[data]]
        ]
    return rows


def cells(row: dict) -> list[str]:
    known = "parameters" in row
    return [
        row["data"],
        row["family"],
        str(row.get("first_stage_minutes") or ""),
        f"{row['parameters'] / 1e6:.1f} M" if known else "",
        *measures(row, ("FD-lite0", "KD-lite0", "precision", "recall")),
        f"{row['seconds_an_image']:.3g}" if known else "",
        str(row["n"]),
        f"{row['copies']:.1f}" if row.get("copies") else "",
    ]


def measure(sets: list[str]) -> Experiment:
    how = {"minutes": MINUTES, "first_stage_share": FIRST_STAGE_SHARE, "images": IMAGES, "n": N}
    how |= {"reference": f"the first {N} valid images", "seed": 0, "sampling_seed": 0} | looked_at()
    how |= SAMPLING | {"sampler": "DPMSolverPP2M"}
    best = {data: real_distances(data, N, N) for data in sets}
    points = [(data, family) for data in sets for family in plans(data)]
    about = "Families of generative models on the same images for the same minutes"
    return run(EXPERIMENT, about, points, row, how, best, missing=len(sets) < len(SETS))


def row(data: str, family: str) -> dict:
    plan = plans(data)[family]
    of = {"family": family, "data": data, "plan": repr(plan), "minutes": MINUTES, "n": N}
    of |= {"gan": repr(GAN_TRAINING)} if isinstance(plan.model, GANConfig) else {"share": FIRST_STAGE_SHARE}
    slug = family.replace(" + ", "-").replace(" ", "-").lower()
    pictures = Path(EXPERIMENT) / f"{data}-{slug}.png"
    folder = run_folder(EXPERIMENT, data, slug, hashlib.sha256(repr(of).encode()).hexdigest()[:8])

    def measured() -> dict:
        model = trained(plan, data, folder)
        samples, seconds = drawn(model, N)
        save(samples[:SHOWN], STORED / pictures)
        minutes = spent(folder) + spent(of_stage(folder))  # as it came out, without encoding
        measured = {"parameters": parameters(model), "seconds_an_image": seconds, "minutes_spent": minutes}
        measured |= {"machine": machine()}
        return measured | distances(samples, validation(data, N))

    minutes = stage_minutes(plan.stage) if isinstance(plan.stage, str) else None
    figures = {"data": data, "family": family, "first_stage_minutes": minutes} | kept(of, measured)
    figures |= {"copies": copies(plan, data, folder)}
    return figures | {"pictures": pictures.as_posix(), "n": N}


def copies(plan: Plan, data: str, folder: Path) -> float | None:
    """FD-lite0 of what the first stage makes of the N validation images after the reference."""
    if plan.stage is None:
        return None

    def measured() -> dict:
        stage = plan.stage if isinstance(plan.stage, str) else of_stage(folder)
        return distances_of_copies(load_checkpoint(stage), data, N, N)

    of = {"copies of": repr(plan.stage), "minutes": MINUTES, "data": data, "n": N}
    return kept(of, measured)["FD-lite0"]


def trained(plan: Plan, data: str, folder: Path) -> nn.Module:
    """The model of a plan after MINUTES in all, resumed where it was interrupted."""
    if isinstance(plan.model, GANConfig):
        return trained_gan(plan.model, GAN_TRAINING, data, MINUTES, folder)[0]
    recipe, used, stage = plan.model, 0.0, plan.stage
    if isinstance(stage, FirstStageRecipe):
        used = FIRST_STAGE_SHARE * MINUTES
        stage = str(trained_for(stage, of_stage(folder), used))
    if stage is not None:
        recipe = replace(recipe, first_stage=stage)
        used += encoding_minutes(load_checkpoint(stage), open_data(recipe.data, "train"))
    return load_checkpoint(trained_for(recipe, folder, MINUTES - used))


def of_stage(folder: Path) -> Path:
    """Where the first stage of the run in `folder` is trained."""
    return folder.with_name(f"{folder.name}-stage")


@torch.no_grad()
def drawn(model: nn.Module, n: int) -> tuple[Tensor, float]:
    """n images (n, 3, H, W) in [-1, 1] from seeds 0, 1 ..., and the seconds that one took."""
    clock = stopwatch()
    began = clock()
    if isinstance(model, KLAutoencoder):
        f, side = model.downsampling, 64
        z = seeded_noise((n, model.latent_channels, side // f, side // f), seed=0)
        samples = torch.cat([model.decode_unscaled(part).clamp(-1, 1) for part in z.split(BATCH)])
    else:
        options = SAMPLING if hasattr(model, "schedule") else {}
        samples = model.sample(n=n, seed=0, batch_size=BATCH, **options)
    return samples, (clock() - began) / n


def parameters(model: nn.Module) -> int:
    """Of all that runs to draw an image: a first stage's encoder does not."""
    stage = model if isinstance(model, KLAutoencoder) else getattr(model, "first_stage", None)
    unused = [getattr(stage, name, None) for name in ("encoder", "quant_conv")]
    of_unused = sum(p.numel() for part in unused if part is not None for p in part.parameters())
    return sum(p.numel() for p in model.parameters()) - of_unused


def save(images: Tensor, path: Path) -> None:
    """Images (n, 3, H, W) in [-1, 1] side by side in a PNG."""
    row = torch.cat(list(to_uint8(images)), dim=2).permute(1, 2, 0)
    with atomic_file(path) as temporary:
        Image.fromarray(row.numpy()).save(temporary, format="PNG")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Measure some of the rows and keep them; `python -m benchmarks.run --only "
        f"{EXPERIMENT}` writes what is kept."
    )
    parser.add_argument("--data", nargs="+", choices=SETS, default=available())
    parser.add_argument("--families", nargs="+", choices=list(plans("peeps")), default=list(plans("peeps")))
    options = parser.parse_args()
    torch.set_num_threads(1)
    for data in options.data:
        for family in [each for each in options.families if each in plans(data)]:
            print(row(data, family), flush=True)
