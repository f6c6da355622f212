"""What an experiment is: data, networks, and how to train them."""

from dataclasses import dataclass, field
from typing import Literal

from ldm_tutorial.conditioning import Mechanism
from ldm_tutorial.first_stage import KLConfig, PlainConfig, VQConfig
from ldm_tutorial.first_stage.losses import check_start
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
    first_stage: KLConfig | VQConfig | PlainConfig
    training: TrainingConfig
    kl_weight: float = 1e-6
    """weight of the KL summed over a latent, against the L1 summed over an image (the paper's)"""
    norm: Literal["l1", "l2"] = "l1"
    """error of a pixel value: absolute as in the paper, or squared"""
    perceptual_weight: float = 0.0
    """weight of the perceptual distance against the error per pixel value; the paper's is 1"""
    perceptual: Literal["efficientnet", "lpips"] = "efficientnet"
    """network of the perceptual distance: one that works offline, or LPIPS, which downloads its VGG16"""
    adversarial_weight: float = 0.0
    """weight of the adversarial loss, times the adaptive weight; the paper's is 0.5"""
    adversarial_start: float = 0.0
    """fraction of the run after which discriminator and adversarial loss begin"""
    discriminator_layers: int = 3
    """strided convolutions of the discriminator: it judges patches of 70 pixels with 3, of 34 with 2"""
    discriminator_channels: int = 64
    """channels of the discriminator after its first convolution"""
    discriminator_rate: float = 1.0
    """learning rate of the discriminator as a multiple of the autoencoder's (Heusel et al. 2017)"""
    start_from: str | None = None
    """checkpoint whose weights the run starts with: a bundled name or a folder"""
    train: Literal["all", "decoder"] = "all"
    """"decoder" leaves the encoder as it is, so that latents and what was trained on them stay valid"""

    def __post_init__(self):
        check_start(self.adversarial_start)
        for name in ("kl_weight", "perceptual_weight", "adversarial_weight"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 0")
        if self.train == "decoder" and self.start_from is None:
            raise ValueError(
                "train is 'decoder', which keeps the encoder as it is; name a trained one with start_from"
            )


@dataclass(frozen=True)
class Part:
    """One of several conditions of a model, and how it reaches the U-Net."""

    reads: Literal["caption", "attributes", "label", "layout", "map", "edges", "low_resolution", "masked"]
    """what it reads; `edges` and the two after it are made from the image itself"""
    mechanism: Mechanism = "cross_attention"
    """the way to the U-Net"""
    drop: float | None = 0.1
    """share of the images for which this part alone is dropped; None never drops it"""
    encoder: Literal["own", "minilm", "clip", "bert"] = "own"
    """of captions: one that is trained along, or a frozen one"""
    fold: int = 1
    """so many pixels squared of a map or an image are put into one place of the latent"""


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
    parts: tuple[Part, ...] = ()
    """in place of `condition`: several of them, or one that takes another way than cross-attention"""
    start_from: str | None = None
    """checkpoint of the diffusion model that the run starts with, or that a ControlNet steers"""
    hint_widths: tuple[int, ...] = (16, 32, 96)
    """of a ControlNet: the widths of the layers that read its picture, each but the first halving it"""
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
    min_snr_gamma: float | None = None
    """weigh the squared error by noise level (Hang et al. 2023, who take 5); None weighs all alike"""

    def __post_init__(self):
        if self.parts and self.condition is not None:
            raise ValueError(
                f"condition is {self.condition} and there are parts; a recipe has one or the other"
            )
        if any(part.mechanism == "controlnet" for part in self.parts) and self.start_from is None:
            raise ValueError("a ControlNet steers a trained model; name one with start_from")


@dataclass(frozen=True)
class CodePriorRecipe:
    """How to train a transformer over the codes of a VQ first stage."""

    name: str
    about: str
    data: DataConfig
    first_stage: str
    """checkpoint of a VQ first stage: a bundled name or a folder"""
    training: TrainingConfig
    dim: int = 192
    """channels of a token"""
    depth: int = 4
    """transformer blocks"""
    heads: int = 6


Recipe = FirstStageRecipe | LatentDiffusionRecipe | CodePriorRecipe
