"""Which of the T timesteps a sampler of fewer steps visits (Lin et al. 2024, table 2).

For T = 1000 and 5 steps:   leading   800 600 400 200   0    (with steps_offset=1: 801 601 401 201 1)
                            trailing  999 799 599 399 199
                            linspace  999 749 500 250   0
After the last of them comes the clean image, whatever its timestep was.
"""

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
