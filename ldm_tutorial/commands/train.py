"""`ldm train`"""

import os
import shlex
import sys
import time
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import torch
from tyro.conf import AvoidSubcommands, Suppress, arg

from ldm_tutorial.commands.common import parse
from ldm_tutorial.first_stage import KLConfig, PlainConfig, VQConfig
from ldm_tutorial.recipes import all_recipes
from ldm_tutorial.training import (
    CodePriorRecipe,
    FirstStageRecipe,
    Interrupted,
    LatentDiffusionRecipe,
    NonFiniteError,
    Recipe,
    TrainingConfig,
    run_recipe,
)

HELP = """usage: ldm train RECIPE [--resume] [--run DIR] [--FIELD VALUE ...]

Train a recipe. Every field of it can be changed; ldm train RECIPE --help lists them all with their values.

{recipes}

for example:
  ldm train peeps-kl-f4 --steps 500                                    a short try
  ldm train peeps-ldm --resume                                         go on after a stop
  ldm train celeba64-kl-f4 --data.path my-photos --run outputs/mine  on images of your own
on several GPUs: torchrun --standalone --nproc-per-node 2 -m ldm_tutorial.cli train RECIPE
"""


@dataclass(frozen=True)
class FirstStageOptions(FirstStageRecipe):
    name: Suppress[str]
    about: Suppress[str]
    first_stage: AvoidSubcommands[KLConfig | VQConfig | PlainConfig]
    training: Annotated[TrainingConfig, arg(name="")]
    run: Path | None = None
    """folder for checkpoints, log and pictures; default: outputs/RECIPE"""
    resume: bool = False
    """go on from the newest state in the run's folder; give the same fields again"""

    def __post_init__(self):
        """Fields are checked when the recipe is made of them, where an error is one sentence."""


@dataclass(frozen=True)
class CodePriorOptions(CodePriorRecipe):
    name: Suppress[str]
    about: Suppress[str]
    training: Annotated[TrainingConfig, arg(name="")]
    run: Path | None = None
    """folder for checkpoints, log and pictures; default: outputs/RECIPE"""
    resume: bool = False
    """go on from the newest state in the run's folder; give the same fields again"""


@dataclass(frozen=True)
class LatentDiffusionOptions(LatentDiffusionRecipe):
    name: Suppress[str]
    about: Suppress[str]
    training: Annotated[TrainingConfig, arg(name="")]
    run: Path | None = None
    """folder for checkpoints, log and pictures; default: outputs/RECIPE"""
    resume: bool = False
    """go on from the newest state in the run's folder; give the same fields again"""


def main(arguments: list[str]) -> int:
    recipes = all_recipes()
    name, *rest = arguments or ["--help"]
    if name in ("-h", "--help"):
        width = max(map(len, recipes))
        print(HELP.format(recipes="\n".join(f"  {n:{width}}  {r.about}" for n, r in recipes.items())), end="")
        return 0
    recipe, run, resume = options_of(find(name, recipes), rest)
    began = time.time()
    try:
        checkpoint = run_recipe(recipe, run, resume)
    except Interrupted as stop:
        again = shlex.join(a for a in arguments if a != "--resume")
        print(f"ldm: {stop}; go on with: ldm train {again} --resume", file=sys.stderr)
        return 130
    except torch.OutOfMemoryError:
        advice = "--accumulation 2 halves what a step needs and keeps the gradient"
        print(
            f"ldm: the memory of the GPU is full; {advice}; or take a smaller --batch-size", file=sys.stderr
        )
        return 1
    except NonFiniteError as error:
        print(f"ldm: {error}; a smaller --learning-rate often helps", file=sys.stderr)
        return 1
    if int(os.environ.get("RANK", 0)) == 0:
        print(f"{(time.time() - began) / 60:.1f} minutes; the model is in {checkpoint}; look at it with:")
        print(f"  ldm {'reconstruct' if isinstance(recipe, FirstStageRecipe) else 'sample'} {run}")
    return 0


def find(name: str, recipes: dict[str, Recipe]) -> Recipe:
    """The recipe of that name. Raises ValueError naming close ones."""
    if name.startswith("-"):
        raise ValueError(f"the recipe comes first, as in: ldm train peeps-ldm {name}")
    if name not in recipes:
        near = get_close_matches(name, recipes, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}? " if near else ""
        raise ValueError(f"there is no recipe '{name}'; {hint}the recipes are {', '.join(recipes)}")
    return recipes[name]


def options_of(recipe: Recipe, arguments: list[str]) -> tuple[Recipe, Path, bool]:
    """The recipe with what the command line changes about it, the run's folder, and whether to resume."""
    own = {field.name: getattr(recipe, field.name) for field in fields(recipe)}
    options = {
        FirstStageRecipe: FirstStageOptions,
        LatentDiffusionRecipe: LatentDiffusionOptions,
        CodePriorRecipe: CodePriorOptions,
    }[type(recipe)]
    about = f"Train {recipe.name}: {recipe.about}."
    chosen = parse(options, f"train {recipe.name}", arguments, default=options(**own), description=about)
    changed = type(recipe)(**{name: getattr(chosen, name) for name in own})
    return changed, chosen.run or Path("outputs") / recipe.name, chosen.resume
