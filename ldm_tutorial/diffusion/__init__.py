"""Noise to latents and back: schedules, forward process, posterior, samplers, guidance. Knows no network."""

from .bound import Bound, bound_terms, prior_term, variational_bound
from .continuous import alpha_at, log_snr_at, sigma_at, timestep_of
from .exact import gaussian_denoiser, mixture_denoiser, points_denoiser
from .guidance import guide
from .losses import min_snr_weight, simple_loss
from .noise import noise_like, seeded_generators, seeded_noise
from .posterior import Posterior, learned_variance, posterior, posterior_mean, posterior_variance
from .prediction import PREDICTIONS
from .samplers import DDIM, DDPM, PLMS, DPMSolverPP2M, Euler, EulerAncestral, Heun, Sampler, State
from .schedule import SCHEDULES, NoiseSchedule, noise_schedule, rescale_zero_terminal_snr
from .spacing import SPACINGS, karras_sigmas, spaced_timesteps

__all__ = [
    "DDIM",
    "DDPM",
    "PLMS",
    "PREDICTIONS",
    "SCHEDULES",
    "SPACINGS",
    "Bound",
    "DPMSolverPP2M",
    "Euler",
    "EulerAncestral",
    "Heun",
    "NoiseSchedule",
    "Posterior",
    "Sampler",
    "State",
    "alpha_at",
    "bound_terms",
    "gaussian_denoiser",
    "guide",
    "karras_sigmas",
    "learned_variance",
    "log_snr_at",
    "min_snr_weight",
    "mixture_denoiser",
    "noise_like",
    "noise_schedule",
    "points_denoiser",
    "posterior",
    "posterior_mean",
    "posterior_variance",
    "prior_term",
    "rescale_zero_terminal_snr",
    "seeded_generators",
    "seeded_noise",
    "sigma_at",
    "simple_loss",
    "spaced_timesteps",
    "timestep_of",
    "variational_bound",
]
