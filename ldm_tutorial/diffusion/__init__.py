"""Noise to latents and back: schedules, forward process, posterior, samplers, guidance. Knows no network."""

from .exact import gaussian_denoiser
from .guidance import guide
from .noise import noise_like, seeded_generators, seeded_noise
from .posterior import Posterior, posterior, posterior_mean, posterior_variance
from .prediction import PREDICTIONS
from .samplers import DDIM, DDPM, State
from .schedule import SCHEDULES, NoiseSchedule, noise_schedule
from .spacing import SPACINGS, spaced_timesteps

__all__ = [
    "DDIM",
    "DDPM",
    "PREDICTIONS",
    "SCHEDULES",
    "SPACINGS",
    "NoiseSchedule",
    "Posterior",
    "State",
    "gaussian_denoiser",
    "guide",
    "noise_like",
    "noise_schedule",
    "posterior",
    "posterior_mean",
    "posterior_variance",
    "seeded_generators",
    "seeded_noise",
    "spaced_timesteps",
]
