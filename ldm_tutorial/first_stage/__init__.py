"""Pixels <-> latents."""

from ldm_tutorial.first_stage.codebook import Codebook, Quantised, code_counts, perplexity, usage
from ldm_tutorial.first_stage.config import KLConfig
from ldm_tutorial.first_stage.gaussian import DiagonalGaussian
from ldm_tutorial.first_stage.identity import IdentityFirstStage
from ldm_tutorial.first_stage.kl import KLAutoencoder
from ldm_tutorial.first_stage.nearest import nearest_code
from ldm_tutorial.first_stage.protocol import FirstStage
from ldm_tutorial.first_stage.vq import VQAutoencoder, VQConfig

__all__ = [
    "Codebook",
    "DiagonalGaussian",
    "FirstStage",
    "IdentityFirstStage",
    "KLAutoencoder",
    "KLConfig",
    "Quantised",
    "VQAutoencoder",
    "VQConfig",
    "code_counts",
    "nearest_code",
    "perplexity",
    "usage",
]
