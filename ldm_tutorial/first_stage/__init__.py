"""Pixels <-> latents."""

from ldm_tutorial.first_stage.config import KLConfig
from ldm_tutorial.first_stage.gaussian import DiagonalGaussian
from ldm_tutorial.first_stage.identity import IdentityFirstStage
from ldm_tutorial.first_stage.kl import KLAutoencoder
from ldm_tutorial.first_stage.protocol import FirstStage

__all__ = ["DiagonalGaussian", "FirstStage", "IdentityFirstStage", "KLAutoencoder", "KLConfig"]
