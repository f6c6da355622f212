"""From a recipe to a trained checkpoint."""

import json
import os
from pathlib import Path

import torch

from ldm_tutorial.data import open_images, to_float
from ldm_tutorial.first_stage import (
    LPIPS,
    CodePrior,
    PatchDiscriminator,
    PerceptualLoss,
    PriorConfig,
    VQAutoencoder,
)
from ldm_tutorial.latent_diffusion import (
    LatentDiffusion,
    LatentDiffusionConfig,
    build_conditioner,
    build_first_stage,
    fitted,
)
from ldm_tutorial.training.atomic import atomic_file
from ldm_tutorial.training.checkpoint import load_checkpoint, save_checkpoint, to_json
from ldm_tutorial.training.conditions import continue_from, load_base, read_conditions
from ldm_tutorial.training.diffusion_objective import DiffusionObjective
from ldm_tutorial.training.first_stage_objective import FirstStageObjective
from ldm_tutorial.training.latent_cache import cached_latents
from ldm_tutorial.training.loop import train
from ldm_tutorial.training.prior_objective import PriorObjective
from ldm_tutorial.training.recipe import (
    CodePriorRecipe,
    DataConfig,
    FirstStageRecipe,
    LatentDiffusionRecipe,
    Recipe,
)
from ldm_tutorial.unet import ControlConfig

MEMORY = 4 << 30  # bytes of decoded pixels that are held; larger sets are decoded as they are needed
SCALE_IMAGES = 4096  # from which the latents' mean and std are measured


def run_recipe(recipe: Recipe, run: Path, resume: bool = False, progress: bool = True) -> Path:
    """Train `recipe` in the folder `run` and return the checkpoint written to `run/checkpoint`.

    Same recipe, same bits on a CPU, interrupted and resumed or not. Raises what `train` raises.
    """
    run = Path(run)
    torch.manual_seed(
        recipe.training.seed
    )  # the initial weights; all later randomness has its own generators
    images = open_data(recipe.data, "train")
    objective = objective_of(recipe, images, run, progress)
    if int(os.environ.get("RANK", 0)) == 0:
        with atomic_file(run / "recipe.json") as temporary:
            temporary.write_text(json.dumps(to_json(recipe), indent=1))
    train(objective, recipe.training, run, resume, progress)
    if isinstance(recipe, FirstStageRecipe) and recipe.train == "all":
        chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:SCALE_IMAGES]
        objective.model.measure_scale(to_float(images.pixels(part)) for part in chosen.split(64))
    if int(os.environ.get("RANK", 0)) == 0:
        save_checkpoint(objective.model, run / "checkpoint")
    return run / "checkpoint"


def objective_of(
    recipe: Recipe, images, run: Path, progress: bool = True
) -> FirstStageObjective | PriorObjective | DiffusionObjective:
    """What the loop is to train for a recipe in the folder `run`, beside which latents are kept."""
    if isinstance(recipe, FirstStageRecipe):
        return first_stage_objective(recipe, images)
    if isinstance(recipe, CodePriorRecipe):
        return prior_objective(recipe, images, run, progress)
    return diffusion_objective(recipe, images, run, progress)


def first_stage_objective(recipe: FirstStageRecipe, images) -> FirstStageObjective:
    check_size(recipe.data.size, recipe.first_stage.downsampling)
    model = build_first_stage(recipe.first_stage)
    if recipe.start_from:
        model.load_state_dict(weights_to_start_from(recipe))
    if recipe.train == "decoder":
        model.requires_grad_(False).eval()
        for part in (model.post_quant_conv, model.decoder):
            part.requires_grad_(True).train()
    perceptual, discriminator = None, None
    if recipe.perceptual_weight:
        perceptual = LPIPS() if recipe.perceptual == "lpips" else PerceptualLoss()
    if recipe.adversarial_weight:
        discriminator = PatchDiscriminator(
            recipe.first_stage.image_channels, recipe.discriminator_channels, recipe.discriminator_layers
        )
    return FirstStageObjective(
        model,
        hold(images),
        to_float(images.pixels(torch.arange(min(8, len(images))))),
        recipe.kl_weight,
        recipe.norm,
        perceptual,
        recipe.perceptual_weight,
        discriminator,
        recipe.adversarial_weight,
        recipe.adversarial_start,
        recipe.discriminator_rate,
    )


def weights_to_start_from(recipe: FirstStageRecipe) -> dict[str, torch.Tensor]:
    """The weights of `start_from`; ValueError where it is not the recipe's network."""
    model = load_checkpoint(recipe.start_from)
    if model.config != recipe.first_stage:
        theirs, ours = ({"kind": type(c).__name__, **vars(c)} for c in (model.config, recipe.first_stage))
        name = next(name for name in theirs | ours if theirs.get(name) != ours.get(name))
        raise ValueError(
            f"start_from {recipe.start_from} is another network: its {name} is {theirs.get(name)}, "
            f"the recipe's {ours.get(name)}"
        )
    return model.state_dict()


def prior_objective(recipe: CodePriorRecipe, images, run: Path, progress: bool) -> PriorObjective:
    first_stage = load_checkpoint(recipe.first_stage)
    if not isinstance(first_stage, VQAutoencoder):
        kind = type(first_stage).__name__
        raise ValueError(
            f"first_stage {recipe.first_stage} is a {kind}; a prior needs a VQAutoencoder's codes"
        )
    check_size(recipe.data.size, first_stage.downsampling)
    model = CodePrior(
        PriorConfig(first_stage.config, recipe.data.size, recipe.dim, recipe.depth, recipe.heads)
    )
    model.first_stage.load_state_dict(first_stage.state_dict())
    latents = cached_latents(first_stage, images, run.parent / "latents", progress=progress)
    codes = [first_stage.quantise(part.float()).codes.int() for part in latents.split(256)]
    return PriorObjective(model, torch.cat(codes))


def diffusion_objective(
    recipe: LatentDiffusionRecipe, images, run: Path, progress: bool
) -> DiffusionObjective:
    first_stage = load_checkpoint(recipe.first_stage) if recipe.first_stage else None
    base = load_base(recipe) if recipe.start_from else None
    conditioner, conditions = read_conditions(recipe, images, base)
    with torch.random.fork_rng(devices=[]):  # the weights that are trained are drawn below
        needs = build_conditioner(conditioner)
    hints = getattr(needs, "needs", {}).get("hint_channels")
    config = LatentDiffusionConfig(
        image_size=recipe.data.size,
        first_stage=first_stage.config if first_stage else None,
        unet=fitted(recipe.unet, needs),
        conditioner=conditioner,
        schedule=recipe.schedule,
        prediction=recipe.prediction,
        control=ControlConfig(hints, recipe.hint_widths) if hints else None,
    )
    model = LatentDiffusion(config)
    check_size(recipe.data.size, model.first_stage.downsampling)
    if base:
        continue_from(base, model)
    if first_stage:
        model.first_stage.load_state_dict(first_stage.state_dict())
    # no first stage: the pixels themselves, decoded as they are needed
    latents = cached_latents(model.first_stage, images, run.parent / "latents", progress=progress)
    tokens = None if conditioner is None else model.conditioner.tokenize(conditions)
    wishes = None if conditions is None else [c for c in conditions[:200] if c][:8]
    return DiffusionObjective(
        model, latents, tokens, recipe.drop_rate, recipe.loss, wishes, recipe.min_snr_gamma
    )


def open_data(data: DataConfig, split: str):
    """The images that a recipe's data config names; a path of one's own goes before the source."""
    return open_images(data.path or data.source, split, data.size, data.crop, data.flip, limit=data.limit)


def hold(images):
    """The images with their pixels decoded once and kept, where they fit into MEMORY."""
    height, width = images.pixels(torch.arange(1)).shape[-2:]
    return HeldPixels(images.pixels()) if len(images) * 3 * height * width <= MEMORY else images


class HeldPixels:
    """Decoded images (N, 3, H, W) uint8 behind the interface of an ImageSet."""

    def __init__(self, values: torch.Tensor):
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def pixels(self, indices: torch.Tensor) -> torch.Tensor:
        return self.values[indices]


def check_size(size: int, downsampling: int):
    if size % downsampling:
        raise ValueError(f"data.size is {size}; the first stage needs a multiple of {downsampling}")
