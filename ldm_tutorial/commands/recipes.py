"""`ldm recipes`"""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ldm_tutorial.commands.common import parse
from ldm_tutorial.first_stage import CodePrior, PriorConfig
from ldm_tutorial.latent_diffusion import build_first_stage
from ldm_tutorial.recipes import all_recipes
from ldm_tutorial.training import CodePriorRecipe, FirstStageRecipe, Recipe
from ldm_tutorial.unet import UNet

NOTES = """
Train one with ldm train NAME; ldm train NAME --help shows all that can be changed.
A second stage needs the first stage named after it; its parameters are those of U-Net or transformer."""


@dataclass(frozen=True)
class Recipes:
    """List every recipe of the course."""


def main(arguments: list[str]) -> None:
    parse(Recipes, "recipes", arguments)
    recipes = all_recipes().values()
    rows = [facts(recipe) for recipe in recipes]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for recipe, row in zip(recipes, rows, strict=True):
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        print(f"    {recipe.about}")
    print(NOTES)


def facts(recipe: Recipe) -> tuple[str, ...]:
    data, training = recipe.data, recipe.training
    size = f"{count_parameters(recipe) / 1e6:.1f} M"
    steps = f"{training.steps:,} steps of {training.batch_size}"
    needs = recipe.start_from if isinstance(recipe, FirstStageRecipe) else recipe.first_stage
    images = f"{data.source} {data.size} px"
    return recipe.name, f"{size:>7}", images, steps, f"after {Path(needs).name}" if needs else ""


def count_parameters(recipe: Recipe) -> int:
    """Of the first stage, the U-Net or the transformer: counted on the meta device, without memory."""
    with torch.device("meta"):
        if isinstance(recipe, FirstStageRecipe):
            network = build_first_stage(recipe.first_stage)
        elif isinstance(recipe, CodePriorRecipe):
            stage = all_recipes()[Path(recipe.first_stage).name].first_stage
            shape = PriorConfig(stage, recipe.data.size, recipe.dim, recipe.depth, recipe.heads)
            network = CodePrior(shape).transformer
        else:
            context_dim = recipe.context_dim if recipe.condition else None
            network = UNet(replace(recipe.unet, context_dim=context_dim))
    return sum(p.numel() for p in network.parameters())
