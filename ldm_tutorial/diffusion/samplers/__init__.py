"""Noise in, a generator of ever cleaner latents out."""

from .ddim import DDIM
from .ddpm import DDPM
from .dpm_solver import DPMSolverPP2M
from .euler import Euler, EulerAncestral
from .heun import Heun
from .plms import PLMS
from .run import Sampler, State

__all__ = ["DDIM", "DDPM", "PLMS", "DPMSolverPP2M", "Euler", "EulerAncestral", "Heun", "Sampler", "State"]
