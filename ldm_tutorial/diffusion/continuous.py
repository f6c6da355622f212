"""A schedule between its timesteps, by its log signal-to-noise ratio.

What a noise level is, is said by log SNR alone, since a² + s² = 1: the image has the share
a = sigmoid(log SNR)^½ and the noise s = sigmoid(-log SNR)^½ (Kingma et al. 2021, section 3.1). t is a real
number in 0..T-1 here, and between whole timesteps log SNR is linear. Solvers use λ = log(a/s) = log SNR / 2,
Karras et al. σ = s/a, so that log σ = -log SNR / 2: linear as well (as k-diffusion and diffusers have it).
On the unit interval of continuous-time papers, u = 0 the cleanest level and u = 1 the noisiest, t = u (T-1).
"""

import torch
from torch import Tensor

from .schedule import NoiseSchedule


def log_snr_at(schedule: NoiseSchedule, t: float | Tensor) -> Tensor:
    """log SNR, float64 and shaped like t. Raises ValueError for t outside 0..T-1."""
    t = torch.as_tensor(t, dtype=torch.float64, device="cpu")
    if not bool(((t >= 0) & (t <= schedule.T - 1)).all()):
        raise ValueError(f"t runs from {t.min():g} to {t.max():g}; it must lie within 0 and {schedule.T - 1}")
    below = t.floor().long()
    above = t.ceil().long()
    low, high = schedule.log_snr[below], schedule.log_snr[above]
    return torch.where(below == above, low, low + (t - below) * (high - low))  # high may be -∞


def alpha_at(schedule: NoiseSchedule, t: float | Tensor) -> Tensor:
    """a = √ᾱ, the share of the image, float64 and shaped like t; where t is whole, that of the schedule."""
    return log_snr_at(schedule, t).sigmoid().sqrt()


def sigma_at(schedule: NoiseSchedule, t: float | Tensor) -> Tensor:
    """s = √(1-ᾱ), the share of the noise, float64 and shaped like t (the papers' σ where a² + σ² = 1)."""
    return (-log_snr_at(schedule, t)).sigmoid().sqrt()


def timestep_of(schedule: NoiseSchedule, log_snr: float) -> float:
    """The t in 0..T-1 that has this log SNR; 0 or T-1 for what lies beyond the schedule."""
    table = schedule.log_snr
    if log_snr >= table[0]:
        return 0.0
    if log_snr <= table[-1]:
        return float(schedule.T - 1)
    above = int(torch.searchsorted(-table, -log_snr))
    low, high = table[above - 1 : above + 1].tolist()
    return above - 1 + (low - log_snr) / (low - high)
