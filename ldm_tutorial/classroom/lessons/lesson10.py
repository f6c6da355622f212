"""Exercises of lesson 10, Measuring: the Frechet distance and its limit. The others have their own files."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.lessons.measure_kernel import kernel_exercise
from ldm_tutorial.classroom.lessons.measure_precision import precision_exercise
from ldm_tutorial.classroom.lessons.measure_score import score_exercise


def frechet(mean1, std1, mean2, std2):
    """Squared distance of the means, and of the widths, axis by axis."""
    return ((mean1 - mean2).square() + (std1 - std2).square()).sum().item()


def _frechet_cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda d: torch.randn(d, generator=generator)  # noqa: E731
    wide = lambda d: 0.3 + 2 * torch.rand(d, generator=generator)  # noqa: E731
    return [(draw(d), wide(d), draw(d), wide(d)) for d in (1, 2, 5)]


def _of_each(part, reduce=torch.sum):
    """A wrong distance: what each axis adds, and what is made of all of these."""
    return lambda m1, s1, m2, s2: reduce(part((m1 - m2).square(), s1, s2)).item()


frechet_exercise = Exercise(
    name="the Fréchet distance along axes",
    solution=frechet,
    cases=_frechet_cases,
    mistakes=(
        Mistake(
            "variances instead of standard deviations",
            _of_each(lambda m, s1, s2: m + (s1.square() - s2.square()).square()),
            "What moves is the point, from σ1 away from the middle to σ2 away from it. The squared "
            "difference of the widths counts, not that of their squares.",
        ),
        Mistake(
            "the difference of the variances",
            _of_each(lambda m, s1, s2: m + (s1.square() - s2.square()).abs()),
            "With variances in the formula, tr(Σ1 + Σ2 - 2 √(Σ1 Σ2)), nothing is subtracted but the "
            "product's root: σ1² + σ2² - 2 σ1 σ2 = (σ1 - σ2)².",
        ),
        Mistake(
            "the root of the widths' product",
            _of_each(lambda m, s1, s2: m + s1.square() + s2.square() - 2 * (s1 * s2).sqrt()),
            "√(Σ1 Σ2) is the root of the product of the *variances*: √(σ1² σ2²) = σ1 σ2, with no root left.",
        ),
        Mistake(
            "forgetting the 2",
            _of_each(lambda m, s1, s2: m + s1.square() + s2.square() - s1 * s2),
            "σ1² + σ2² - 2 σ1 σ2 has a 2 in it. Without it, equal Gaussians would not be at distance 0.",
        ),
        Mistake(
            "taking the root at the end",
            _of_each(lambda m, s1, s2: m + (s1 - s2).square(), lambda parts: parts.sum().sqrt()),
            "That is the distance in the strict sense. What everybody reports is its square, as the "
            "formula above says: no root.",
        ),
        Mistake(
            "the sum of the widths",
            _of_each(lambda m, s1, s2: m + (s1 + s2).square()),
            "σ1² + σ2² - 2 σ1 σ2 is (σ1 - σ2)², with a minus. Equal Gaussians are at distance 0.",
        ),
        Mistake(
            "the mean over the axes",
            _of_each(lambda m, s1, s2: m + (s1 - s2).square(), torch.mean),
            "A squared length is the sum over all axes, so add them up. (That is one reason why distances "
            "over different numbers of features can't be compared.)",
        ),
        Mistake(
            "only the means",
            _of_each(lambda m, s1, s2: m),
            "That says where the two Gaussians are. They also have widths, and these count as much.",
        ),
        Mistake(
            "only the widths",
            _of_each(lambda m, s1, s2: (s1 - s2).square()),
            "That compares the widths. The squared distance of the means is missing.",
        ),
        Mistake(
            "standard deviations taken for variances",
            _of_each(lambda m, s1, s2: m + (s1.sqrt() - s2.sqrt()).square()),
            "You are given standard deviations already. A root of them is needed only where variances come "
            "in.",
        ),
        Mistake(
            "the means without the square",
            lambda m1, s1, m2, s2: ((m1 - m2).norm() + (s1 - s2).square().sum()).item(),
            "The formula has the squared length of the difference of the means.",
        ),
        Mistake(
            "the sum before the square",
            lambda m1, s1, m2, s2: ((m1 - m2).sum().square() + (s1 - s2).sum().square()).item(),
            "Square on each axis first, then add: otherwise a step to the left on one axis makes up for "
            "a step to the right on another.",
        ),
        Mistake(
            "absolute differences",
            lambda m1, s1, m2, s2: ((m1 - m2).abs() + (s1 - s2).abs()).sum().item(),
            "Squares, not absolute values: the distance is a mean squared move.",
        ),
        Mistake(
            "the KL divergence",
            _of_each(lambda m, s1, s2: (s2 / s1).log() + (s1.square() + m) / (2 * s2.square()) - 0.5),
            "That is the Kullback-Leibler divergence of lesson 01. It depends on the order of the two and "
            "becomes infinite where one has no width. The Fréchet distance does neither.",
        ),
    ),
    hints=(
        "Along each axis it is a problem of its own. How far does a point at the middle move, and how far "
        "one that is a standard deviation away?",
        "(mean1 - mean2)² + (std1 - std2)² along each axis, then the sum over the axes.",
    ),
    insight="Two numbers a feature: where it lies on average, and how far it spreads.",
)


def extrapolation(sizes, distances):
    """The height at 1/N = 0 of the straight line through the distances over 1/N."""
    x = 1 / torch.tensor(sizes, dtype=torch.float64)
    y = torch.tensor(distances, dtype=torch.float64)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return (y.mean() - slope * x.mean()).item()


def _line(across, at, sizes, distances):
    """The height at `at` of the least-squares line over `across` of N."""
    x = across(torch.tensor(sizes, dtype=torch.float64))
    y = torch.tensor(distances, dtype=torch.float64)
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    return (y.mean() + slope * (at - x.mean())).item()


def _slope(sizes, distances):
    return _line(lambda n: 1 / n, 1.0, sizes, distances) - extrapolation(sizes, distances)


extrapolation_exercise = Exercise(
    name="the distance of endless samples",
    solution=extrapolation,
    cases=lambda: [
        ([500, 1000, 2000], [30.2, 20.1, 15.3]),
        ([100, 300, 900, 1800], [7.9, 3.1, 1.4, 0.9]),
        ([1000, 4000], [12.0, 6.0]),
        ([200, 400, 1000], [3.0, 1.5, 0.5]),  # ends below 0, as an estimate may
    ],
    mistakes=(
        Mistake(
            "a line over N",
            lambda sizes, distances: _line(lambda n: n, 0.0, sizes, distances),
            "Over N the distances lie on a curve, and its left end is no samples at all. Over 1/N they lie "
            "on a line, and 1/N = 0 is endlessly many.",
        ),
        Mistake(
            "a line over the root of N",
            lambda sizes, distances: _line(lambda n: n**-0.5, 0.0, sizes, distances),
            "1/√N is how chance dies away. The bias dies away as 1/N.",
        ),
        Mistake(
            "a line over log N",
            lambda sizes, distances: _line(torch.log, 0.0, sizes, distances),
            "The bias falls as 1/N, so lay the line over 1/N; log N = 0 would be a single sample.",
        ),
        Mistake(
            "the slope",
            _slope,
            "That is how fast the line rises, the bias times N. Asked for is its height where 1/N is 0.",
        ),
        Mistake(
            "the height at one sample",
            lambda sizes, distances: _line(lambda n: 1 / n, 1.0, sizes, distances),
            "1/N = 1 is a single sample. Endlessly many are at 1/N = 0.",
        ),
        Mistake(
            "the last distance",
            lambda sizes, distances: float(distances[-1]),
            "The largest N has the least bias, but it still has some. Follow the line to 1/N = 0.",
        ),
        Mistake(
            "the mean of the distances",
            lambda sizes, distances: sum(distances) / len(distances),
            "All of them are too large, and so is their mean. Follow the line to 1/N = 0.",
        ),
        Mistake(
            "a line through the first and the last only",
            lambda sizes, distances: (
                (distances[-1] * sizes[-1] - distances[0] * sizes[0]) / (sizes[-1] - sizes[0])
            ),
            "The idea is right. But each distance has errors of chance; the line of least squares uses "
            "them all.",
        ),
        Mistake(
            "a line through the last two only",
            lambda sizes, distances: (
                (distances[-1] * sizes[-1] - distances[-2] * sizes[-2]) / (sizes[-1] - sizes[-2])
            ),
            "The idea is right. But each distance has errors of chance; the line of least squares uses "
            "them all.",
        ),
        Mistake(
            "x and y exchanged",
            lambda sizes, distances: _line(lambda d: d, 0.0, distances, [1 / n for n in sizes]),
            "That line has the distances across and 1/N upwards. Across goes 1/N, and the height is the "
            "distance.",
        ),
        Mistake(
            "never below zero",
            lambda sizes, distances: max(0.0, extrapolation(sizes, distances)),
            "No distance is below 0, but an estimate of one may be. Cutting it off would make it too large "
            "on average.",
        ),
    ),
    hints=(
        "Let x = 1/N. The line of least squares has the slope sum((x - mean x)(y - mean y)) / sum((x - "
        "mean x)²).",
        "It goes through (mean x, mean y). Its height at x = 0 is mean y - slope · mean x.",
    ),
    insight="Ten times as many samples leave a tenth of the bias; the line tells what is left at the end.",
)

EXERCISES = (
    frechet_exercise,
    kernel_exercise,
    precision_exercise,
    extrapolation_exercise,
    score_exercise,
)
