"""An exercise of lesson 06: Heun's step along the probability-flow ODE."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake


def heun_step(x, sigma, next_sigma, clean):
    """Euler's step, a look at the slope where it arrives, and again along the mean of both slopes."""
    slope = (x - clean(x, sigma)) / sigma
    arrived = x + (next_sigma - sigma) * slope
    slope_there = (arrived - clean(arrived, next_sigma)) / next_sigma
    return x + (next_sigma - sigma) * (slope + slope_there) / 2


def _walked(step, told=lambda now, after: after, divisor=lambda now, after: after, place=None, sign=1):
    """A wrong step, of both slopes: step(x, h, slope, slope_there, arrived) with h = next_sigma - sigma.

    sign: -1 where Euler's step has gone the other way.
    """

    def answer(x, sigma, next_sigma, clean):
        h, slope = next_sigma - sigma, (x - clean(x, sigma)) / sigma
        arrived = x + sign * h * slope
        asked = x if place == "start" else arrived
        there = (asked - clean(asked, told(sigma, next_sigma))) / divisor(sigma, next_sigma)
        return step(x, h, slope, there, arrived)

    return answer


def _mean(x, h, slope, there, _arrived):
    return x + h * (slope + there) / 2


def pulled(x, sigma):
    """A clean x0 that depends on x and σ: that of two points, at -1 and 1 (what `clean` is in the check)."""
    return torch.tanh(x / sigma**2)


def _cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda: torch.randn(16, 2, generator=generator)  # noqa: E731
    return [(now * draw(), now, after, pulled) for now, after in ((5.0, 2.0), (1.5, 0.7), (0.6, 0.4))]


heun_exercise = Exercise(
    name="Heun's step",
    solution=heun_step,
    cases=_cases,
    mistakes=(
        Mistake(
            "Euler's step",
            lambda x, sigma, next_sigma, clean: x + (next_sigma - sigma) * (x - clean(x, sigma)) / sigma,
            "A good start: that is Euler's method. Now ask for the slope where it arrives.",
        ),
        Mistake(
            "the sum of the slopes",
            _walked(lambda x, h, slope, there, arrived: x + h * (slope + there)),
            "This goes twice as far: it is a second step of Euler after the first. Go back to x and take "
            "one step along the mean of both slopes.",
        ),
        Mistake(
            "not going back",
            _walked(lambda x, h, slope, there, arrived: arrived + h * (slope + there) / 2),
            "You add the step along the mean to where Euler's step arrived, and so walk twice. Euler's step "
            "is only for looking: go back to x first.",
        ),
        Mistake(
            "only the second slope",
            _walked(lambda x, h, slope, there, arrived: x + h * there),
            "The slope at the end alone is as one-sided as that at the start. Their mean is what helps.",
        ),
        Mistake(
            "the old noise level at the new place",
            _walked(_mean, told=lambda now, after: now, divisor=lambda now, after: now),
            "Where Euler's step arrives, the noise level is next_sigma: ask there, and divide by it.",
        ),
        Mistake(
            "divided by the old noise level",
            _walked(_mean, divisor=lambda now, after: now),
            "The second slope is divided by the noise level at its own place, next_sigma.",
        ),
        Mistake(
            "the new noise level at the old place",
            _walked(_mean, place="start"),
            "The second question is about where Euler's step arrives, not about x again.",
        ),
        Mistake(
            "in the wrong direction",
            _walked(lambda x, h, slope, there, arrived: x - h * (slope + there) / 2, sign=-1),
            "This walks to more noise. The slope is (x - x0) / sigma, and the step next_sigma - sigma, which "
            "is negative: one of the two has the wrong sign.",
        ),
        Mistake(
            "slopes not divided",
            lambda x, sigma, next_sigma, clean: heun_step(
                x, sigma, next_sigma, lambda x, sigma: x - sigma * (x - clean(x, sigma))
            ),
            "x - x0 is all the noise in x. The slope is that noise for one unit of sigma: divide the first "
            "by sigma and the second by next_sigma.",
        ),
    ),
    hints=(
        "The slope at x is (x - clean(x, sigma)) / sigma, and Euler goes (next_sigma - sigma) along it.",
        "At the place so found ask for the slope again, with next_sigma.",
        "Start at x once more and take the whole step along the mean of the two slopes.",
    ),
    insight="A second look costs a second call of the network. Whether it pays, sections 5 to 7 will show.",
)
