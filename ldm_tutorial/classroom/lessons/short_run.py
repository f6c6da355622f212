"""The exercise of lesson 08 on which timesteps a short run visits."""

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake


def timesteps(T, steps):
    """Timesteps of a run of `steps`, evenly spaced and ending the forward process: "trailing" spacing."""
    return [round(T - k * T / steps) - 1 for k in range(steps)]


timesteps_exercise = Exercise(
    name="the timesteps of a short run",
    solution=timesteps,
    cases=lambda: [(1000, 50), (1000, 4), (1000, 30), (1000, 7), (100, 10)],
    mistakes=(
        Mistake(
            "t off by one, cut off",
            lambda T, steps: [T - k * T // steps for k in range(steps)],
            "The list begins with T, but the table of noise levels ends at T - 1 (we count from 0). And // "
            "does not round to the nearest.",
        ),
        Mistake(
            "t off by one",
            lambda T, steps: [round(T - k * T / steps) for k in range(steps)],
            "The list begins with T, but the noise levels end at T - 1, counted from 0. Subtract 1.",
        ),
        Mistake(
            "never asking at the noisiest step",
            lambda T, steps: [k * (T // steps) for k in range(steps)][::-1],
            'This is the spacing called "leading": it starts below T - 1, though the noise you start from is '
            "that of T - 1. The network is told that there is still some picture in it.",
        ),
        Mistake(
            "leading, shifted by one",
            lambda T, steps: [k * (T // steps) + 1 for k in range(steps)][::-1],
            "So the original release chooses them, but its first entry lies nearly a whole stride below T. "
            "The noise you start from is that of T - 1: count down from there.",
        ),
        Mistake(
            "starting below the noisiest step",
            lambda T, steps: [k * T // steps for k in range(steps)][::-1],
            "You count up from 0, so that the first entry lies a whole stride below T. The noise you start "
            "from is that of T - 1: count down from there.",
        ),
        Mistake(
            "both ends",
            lambda T, steps: torch.linspace(T - 1, 0, steps, dtype=torch.float64).round().int().tolist(),
            'This spacing, called "linspace", starts and ends right, but its strides are (T-1) / (steps-1). '
            "Here the stride is T / steps, and the last entry is one stride above the clean latent.",
        ),
        Mistake(
            "both ends, cut off",
            lambda T, steps: torch.linspace(T - 1, 0, steps).long().tolist(),
            'This spacing, called "linspace", starts right, but its strides are (T-1) / (steps-1), and '
            "long() does not round. Here the stride is T / steps, and the last entry is above 0.",
        ),
        Mistake(
            "rounding only once",
            lambda T, steps: [T - 1 - k * round(T / steps) for k in range(steps)],
            "The rounding error of the stride adds up over the steps. Round each timestep instead.",
        ),
        Mistake(
            "one short stride",
            lambda T, steps: list(range(T - 1, -1, -(T // steps))),
            "T // steps is too short a stride unless it divides, and there are more than `steps` of them. "
            "Round each timestep instead.",
        ),
        Mistake(
            "cutting off instead of rounding",
            lambda T, steps: [T - 1 - k * T // steps for k in range(steps)],
            "// rounds the distance from T - 1 down. Take T - k * T / steps, round, and subtract 1.",
        ),
        Mistake(
            "cutting off with int",
            lambda T, steps: [int(T - 1 - k * T / steps) for k in range(steps)],
            "int drops what stands behind the point, so that 965.67 becomes 965. Use round.",
        ),
        Mistake(
            "one stride for all, too short",
            lambda T, steps: [T - 1 - k * (T // steps) for k in range(steps)],
            "T // steps is too short a stride unless it divides: the last entry is then more than one stride "
            "above the clean latent. Round each timestep instead.",
        ),
        Mistake(
            "one stride for all, too long",
            lambda T, steps: list(range(T - 1, -1, -T // steps)),
            "-T // steps rounds down, away from 0: the stride is too long unless it divides. Round each "
            "timestep instead.",
        ),
        Mistake(
            "from clean to noisy",
            lambda T, steps: [round(T - k * T / steps) - 1 for k in range(steps)][::-1],
            "Sampling starts from pure noise. Turn the list around.",
        ),
        Mistake(
            "one step too many",
            lambda T, steps: [round(T - k * T / steps) - 1 for k in range(steps + 1)],
            "The list ends with -1, which stands for the clean image: nothing is left to denoise there.",
        ),
    ),
    hints=(
        "The stride is T / steps. The first entry is T - 1, since t counts from 0.",
        "For T = 1000 and steps = 4: 999, 749, 499, 249.",
    ),
    insight=(
        "With two steps a start below T - 1 washes the pictures of this model out; with ten it hardly "
        "matters (lesson 06)."
    ),
)
