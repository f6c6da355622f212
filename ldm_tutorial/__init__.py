"""Latent diffusion, built step by step: the package behind the notebooks (Rombach et al., 2022)."""

__version__ = "0.1.0"
