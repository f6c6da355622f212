"""Pixels <-> latents."""

from ldm_tutorial.first_stage.codebook import Codebook, Quantised, code_counts, perplexity, usage
from ldm_tutorial.first_stage.config import KLConfig
from ldm_tutorial.first_stage.gaussian import DiagonalGaussian
from ldm_tutorial.first_stage.identity import IdentityFirstStage
from ldm_tutorial.first_stage.kl import KLAutoencoder
from ldm_tutorial.first_stage.losses import (
    PatchDiscriminator,
    adaptive_weight,
    hinge_d_loss,
    hinge_g_loss,
    reconstruction_loss,
)
from ldm_tutorial.first_stage.nearest import nearest_code
from ldm_tutorial.first_stage.perceptual import LPIPS, PerceptualLoss
from ldm_tutorial.first_stage.plain import PlainAutoencoder, PlainConfig
from ldm_tutorial.first_stage.prior import CodePrior, PriorConfig
from ldm_tutorial.first_stage.protocol import FirstStage
from ldm_tutorial.first_stage.tiled import decode_tiled, encode_tiled
from ldm_tutorial.first_stage.vq import VQAutoencoder, VQConfig

__all__ = [
    "LPIPS",
    "CodePrior",
    "Codebook",
    "DiagonalGaussian",
    "FirstStage",
    "IdentityFirstStage",
    "KLAutoencoder",
    "KLConfig",
    "PatchDiscriminator",
    "PerceptualLoss",
    "PlainAutoencoder",
    "PlainConfig",
    "PriorConfig",
    "Quantised",
    "VQAutoencoder",
    "VQConfig",
    "adaptive_weight",
    "code_counts",
    "decode_tiled",
    "encode_tiled",
    "hinge_d_loss",
    "hinge_g_loss",
    "nearest_code",
    "perplexity",
    "reconstruction_loss",
    "usage",
]
