"""An exercise of lesson 06: from where to where the steps of a short run go."""

from itertools import pairwise

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.diffusion import spaced_timesteps


def trailing_path(T, steps):
    """(t, next t) of every step, "trailing": from the noisiest timestep down by T / steps, then clean."""
    ts = [round(T - k * T / steps) - 1 for k in range(steps)]
    return [(t, after) for t, after in zip(ts, [*ts[1:], -1], strict=True)]


def _path(ts, end=-1):
    return list(pairwise([*ts, end]))


spacing_exercise = Exercise(
    name="the way down",
    solution=trailing_path,
    cases=lambda: [(1000, 5), (1000, 50), (1000, 30), (1000, 7), (100, 1)],
    mistakes=(
        Mistake(
            "without the last step",
            lambda T, steps: list(pairwise(spaced_timesteps(T, steps, "trailing"))),
            "You stop where the network is asked for the last time, with noise left. One more step leads "
            "from there to the clean picture, -1.",
        ),
        Mistake(
            "ending at t = 0",
            lambda T, steps: _path(spaced_timesteps(T, steps, "trailing"), 0),
            "t = 0 is the first noisy step. The clean picture comes before it: -1 in our counting.",
        ),
        Mistake(
            "leading",
            lambda T, steps: _path(spaced_timesteps(T, steps, "leading")),
            'That is "leading": it starts below T - 1, though pure noise is the noise of T - 1.',
        ),
        Mistake(
            "linspace",
            lambda T, steps: _path(spaced_timesteps(T, steps, "linspace")),
            'That is "linspace": it starts at the right place, and spends its last call at t = 0, where '
            "nothing is left to do.",
        ),
        Mistake(
            "t off by one",
            lambda T, steps: _path([round(T - k * T / steps) for k in range(steps)]),
            "The list begins with T, but the noisiest timestep is T - 1 (we count from 0).",
        ),
        Mistake(
            "rounding only once",
            lambda T, steps: _path([T - 1 - k * round(T / steps) for k in range(steps)]),
            "The rounding error of the stride adds up over the steps. Round each timestep instead.",
        ),
        Mistake(
            "cutting off instead of rounding",
            lambda T, steps: _path([int(T - k * T / steps) - 1 for k in range(steps)]),
            "int() and // throw the decimals away. round() takes the nearest timestep.",
        ),
        Mistake(
            "cutting off the distance",
            lambda T, steps: _path([T - 1 - k * T // steps for k in range(steps)]),
            "// rounds the distance from T - 1 down. Take T - k * T / steps, round, and subtract 1.",
        ),
        Mistake(
            "from clean to noisy",
            lambda T, steps: trailing_path(T, steps)[::-1],
            "Sampling starts from pure noise. Turn the list around.",
        ),
    ),
    hints=(
        "The timesteps come first: T - 1, and then down by T / steps, each rounded by itself.",
        "For T = 1000 and 5 steps: 999, 799, 599, 399, 199. Each step goes to the next one of them.",
        "And the last? From 199 to the clean picture: (199, -1).",
    ),
    insight="Start at pure noise, end at the clean picture: two ends, and each is got wrong in the wild.",
)
