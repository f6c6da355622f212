"""Noise in, a generator of ever cleaner latents out."""

from .ddim import DDIM
from .ddpm import DDPM
from .run import State

__all__ = ["DDIM", "DDPM", "State"]
