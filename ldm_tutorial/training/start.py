"""From a recipe to a trained checkpoint."""

import dataclasses
import json
import os
from pathlib import Path

import torch

from ldm_tutorial.conditioning import AttributeConfig, CaptionConfig, build_vocabulary
from ldm_tutorial.data import open_images, to_float
from ldm_tutorial.latent_diffusion import LatentDiffusion, LatentDiffusionConfig, build_first_stage
from ldm_tutorial.training.atomic import atomic_file
from ldm_tutorial.training.checkpoint import load_checkpoint, save_checkpoint, to_json
from ldm_tutorial.training.diffusion_objective import DiffusionObjective
from ldm_tutorial.training.first_stage_objective import FirstStageObjective
from ldm_tutorial.training.latent_cache import cached_latents
from ldm_tutorial.training.loop import train
from ldm_tutorial.training.recipe import DataConfig, FirstStageRecipe, LatentDiffusionRecipe, Recipe

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
    if isinstance(recipe, FirstStageRecipe):
        objective = first_stage_objective(recipe, images)
    else:
        objective = diffusion_objective(recipe, images, run, progress)
    if int(os.environ.get("RANK", 0)) == 0:
        with atomic_file(run / "recipe.json") as temporary:
            temporary.write_text(json.dumps(to_json(recipe), indent=1))
    train(objective, recipe.training, run, resume, progress)
    if isinstance(recipe, FirstStageRecipe):
        chosen = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:SCALE_IMAGES]
        objective.model.measure_scale(to_float(images.pixels(part)) for part in chosen.split(64))
    if int(os.environ.get("RANK", 0)) == 0:
        save_checkpoint(objective.model, run / "checkpoint")
    return run / "checkpoint"


def first_stage_objective(recipe: FirstStageRecipe, images) -> FirstStageObjective:
    check_size(recipe.data.size, recipe.first_stage.downsampling)
    preview = to_float(images.pixels(torch.arange(min(8, len(images)))))
    return FirstStageObjective(build_first_stage(recipe.first_stage), hold(images), preview, recipe.kl_weight)


def diffusion_objective(
    recipe: LatentDiffusionRecipe, images, run: Path, progress: bool
) -> DiffusionObjective:
    first_stage = load_checkpoint(recipe.first_stage) if recipe.first_stage else None
    conditions, conditioner = None, None
    if recipe.condition == "captions":
        conditions = images.values("caption")
        conditioner = CaptionConfig(
            build_vocabulary(conditions), recipe.context_length, recipe.context_dim, recipe.text_depth
        )
    elif recipe.condition == "attributes":
        conditions = images.values("attributes")
        names = max(conditions, key=len)
        conditioner = AttributeConfig(tuple(names), recipe.context_dim)
    config = LatentDiffusionConfig(
        image_size=recipe.data.size,
        first_stage=first_stage.config if first_stage else None,
        unet=dataclasses.replace(recipe.unet, context_dim=recipe.context_dim if conditioner else None),
        conditioner=conditioner,
        schedule=recipe.schedule,
        prediction=recipe.prediction,
    )
    model = LatentDiffusion(config)
    check_size(recipe.data.size, model.first_stage.downsampling)
    if first_stage:
        model.first_stage.load_state_dict(first_stage.state_dict())
    # no first stage: the pixels themselves, decoded as they are needed
    latents = cached_latents(model.first_stage, images, run.parent / "latents", progress=progress)
    tokens = None if conditioner is None else model.conditioner.tokenize(conditions)
    wishes = None if conditions is None else [c for c in conditions[:200] if c][:8]
    return DiffusionObjective(model, latents, tokens, recipe.drop_rate, recipe.loss, wishes)


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
