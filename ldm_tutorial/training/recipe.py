"""What an experiment is: data, networks, and how to train them."""

from dataclasses import dataclass, field
from typing import Literal

from ldm_tutorial.first_stage import KLConfig, VQConfig
from ldm_tutorial.latent_diffusion import ScheduleConfig
from ldm_tutorial.training.config import TrainingConfig
from ldm_tutorial.unet import UNetConfig


@dataclass(frozen=True)
class DataConfig:
    """Which images, and how they become squares."""

    source: str = "peeps"
    """peeps, celeba64, celeba128, celebahq256, ffhq256, lsun-bedrooms or lsun-churches"""
    path: str | None = None
    """a folder or parquet file of your own images, in place of `source`"""
    size: int = 64
    crop: int | None = None
    """side of the square cut from the middle before resizing; None takes the largest one"""
    flip: bool = False
    """add every image's mirror image"""
    limit: int | None = None
    """use only the first so many images"""


@dataclass(frozen=True)
class FirstStageRecipe:
    """How to train an autoencoder."""

    name: str
    about: str
    data: DataConfig
    first_stage: KLConfig | VQConfig
    training: TrainingConfig
    kl_weight: float = 1e-6
    """weight of the KL summed over a latent, against the L1 summed over an image (the paper's)"""


@dataclass(frozen=True)
class LatentDiffusionRecipe:
    """How to train a diffusion model on a first stage's latents, or on pixels."""

    name: str
    about: str
    data: DataConfig
    first_stage: str | None
    """checkpoint of the first stage: a bundled name or a folder; None diffuses pixels"""
    unet: UNetConfig
    training: TrainingConfig
    condition: Literal["captions", "attributes"] | None = None
    context_dim: int = 128
    context_length: int = 32
    """words of a caption that are read"""
    text_depth: int = 2
    """transformer blocks of the text encoder"""
    drop_rate: float = 0.1
    """share of the images that train the null condition"""
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    prediction: Literal["epsilon", "x0", "v"] = "epsilon"
    loss: Literal["l2", "l1"] = "l2"
    """error of the prediction: squared as in DDPM, or absolute"""


Recipe = FirstStageRecipe | LatentDiffusionRecipe
