"""Which noise levels a sampler of fewer than T steps visits (Lin et al. 2024, table 2; Karras et al. 2022).

For T = 1000 and 5 steps:   leading   800 600 400 200   0    (with steps_offset=1: 801 601 401 201 1)
                            trailing  999 799 599 399 199
                            linspace  999 749 500 250   0
After the last of them comes the clean image, whatever its timestep was.

A fourth spacing, "karras", chooses noise levels rather than timesteps, and most of them lie between two
timesteps. z then has exactly the chosen level, and the denoiser is told the timestep nearest in log σ.
"""

import math

from .continuous import timestep_of
from .schedule import NoiseSchedule

PURE_NOISE = (
    1e8  # stands for σ = ∞, where no digit of a float32 latent is left; samplers can calculate with it
)
SPACINGS = ("leading", "trailing", "linspace")


def spaced_timesteps(T: int, steps: int, spacing: str = "leading", steps_offset: int = 0) -> list[int]:
    """The timesteps to visit, from noisy to clean: `steps` falling numbers in 0..T-1.

    "leading" counts up from 0 by T // steps, so that it never starts at the noisiest step T-1; steps_offset
    (leading only) moves all of them up: 0 as in DDIM here, 1 in Stable Diffusion. "trailing" counts down from
    T-1 by T / steps. "linspace" takes both ends. All equal the tables of diffusers' schedulers.
    Raises ValueError for steps outside 1..T, an unknown spacing, or an offset that leads beyond T-1.
    """
    check_steps(steps, T)
    if spacing == "trailing":
        # T / steps up to its last bits, which decide how halves are rounded; so numpy.arange does it
        stride = T - (T - T / steps)
        return [round(T - i * stride) - 1 for i in range(steps)]
    if spacing == "linspace":
        stride = (T - 1) / max(steps - 1, 1)
        return [round(i * stride) for i in reversed(range(steps))]
    if spacing != "leading":
        raise ValueError(f"spacing {spacing!r} is unknown; known are {', '.join(SPACINGS)}")
    timesteps = [i * (T // steps) + steps_offset for i in reversed(range(steps))]
    if steps_offset < 0 or timesteps[0] >= T:
        raise ValueError(
            f"steps_offset {steps_offset} with {steps} steps starts at t = {timesteps[0]}; "
            f"timesteps go from 0 to {T - 1}"
        )
    return timesteps


def check_steps(steps: int, T: int) -> None:
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= T:
        raise ValueError(f"steps is {steps!r}; it must be a whole number from 1 to the schedule's T = {T}")


def karras_sigmas(sigma_min: float, sigma_max: float, steps: int, rho: float = 7.0) -> list[float]:
    """`steps` noise levels that fall from sigma_max to sigma_min, evenly in σ^(1/rho); σ = √((1-ᾱ)/ᾱ).

    Source: Karras et al. 2022, eq. 5, whose last σ = 0 is left to the sampler.
    """
    low, high = sigma_min ** (1 / rho), sigma_max ** (1 / rho)
    return [(high + i / max(steps - 1, 1) * (low - high)) ** rho for i in range(steps)]


def noise_levels(
    schedule: NoiseSchedule, steps: int, spacing: str, steps_offset: int = 0
) -> list[tuple[int, float]]:
    """(t, σ) of the levels to visit, from noisy to clean: those of spaced_timesteps, or "karras".

    Karras levels span the whole schedule; several may share a timestep, the cleanest of them above all.
    σ is at most PURE_NOISE.
    Raises ValueError as spaced_timesteps does, and for "karras" if the schedule ends in pure noise (σ = ∞).
    """
    sigmas = ((1 - schedule.alphas_cumprod) / schedule.alphas_cumprod).sqrt().clamp(max=PURE_NOISE)
    if spacing == "karras":
        check_steps(steps, schedule.T)
        if sigmas[-1] == PURE_NOISE:
            raise ValueError(
                "spacing 'karras' needs a finite largest σ, and this schedule ends in pure noise "
                "(zero terminal SNR); use 'trailing'"
            )
        chosen = karras_sigmas(float(sigmas[0]), float(sigmas[-1]), steps)
        return [(round(timestep_of(schedule, -2 * math.log(sigma))), sigma) for sigma in chosen]
    if spacing not in SPACINGS:
        raise ValueError(f"spacing {spacing!r} is unknown; known are {', '.join(SPACINGS)}, karras")
    ts = spaced_timesteps(schedule.T, steps, spacing, steps_offset)
    return list(zip(ts, sigmas[ts].tolist(), strict=True))
