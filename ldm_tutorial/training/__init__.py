"""The loop that trains both stages, and everything it leaves on disk."""

from ldm_tutorial.training.checkpoint import find_checkpoint, load_checkpoint, save_checkpoint
from ldm_tutorial.training.conditions import wishes_of
from ldm_tutorial.training.config import TrainingConfig
from ldm_tutorial.training.diffusion_objective import DiffusionObjective
from ldm_tutorial.training.ema import EMA
from ldm_tutorial.training.first_stage_objective import FirstStageObjective
from ldm_tutorial.training.health import NonFiniteError
from ldm_tutorial.training.latent_cache import cached_latents
from ldm_tutorial.training.loop import Interrupted, train
from ldm_tutorial.training.prior_objective import PriorObjective
from ldm_tutorial.training.recipe import (
    CodePriorRecipe,
    DataConfig,
    FirstStageRecipe,
    LatentDiffusionRecipe,
    Part,
    Recipe,
)
from ldm_tutorial.training.start import run_recipe

__all__ = [
    "EMA",
    "CodePriorRecipe",
    "DataConfig",
    "DiffusionObjective",
    "FirstStageObjective",
    "FirstStageRecipe",
    "Interrupted",
    "LatentDiffusionRecipe",
    "NonFiniteError",
    "Part",
    "PriorObjective",
    "Recipe",
    "TrainingConfig",
    "cached_latents",
    "find_checkpoint",
    "load_checkpoint",
    "run_recipe",
    "save_checkpoint",
    "train",
    "wishes_of",
]
