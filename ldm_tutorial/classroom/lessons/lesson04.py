"""Exercises of lesson 04, DDPM. The way back is in `ddpm_reverse.py`, the clinic in `ddpm_clinic.py`."""

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.lessons.ddpm_clinic import clinic_exercise
from ldm_tutorial.classroom.lessons.ddpm_reverse import posterior_exercise, step_exercise
from ldm_tutorial.diffusion import NoiseSchedule


def alpha_bar(betas):
    """The share of the variance that is still data after each step: what all steps so far have left of it."""
    return torch.cumprod(1 - betas, dim=0)


alpha_bar_exercise = Exercise(
    name="alpha bar",
    solution=alpha_bar,
    cases=lambda: [(NoiseSchedule.linear(100, 1e-3, 0.2).betas,), (NoiseSchedule.cosine(50).betas,)],
    any_float=True,
    mistakes=(
        Mistake(
            "multiplying the betas",
            lambda betas: torch.cumprod(betas, dim=0),
            "β is the share that becomes noise in a step. What is left of the data after it is 1 - β: "
            "multiply these.",
        ),
        Mistake(
            "adding instead of multiplying",
            lambda betas: 1 - torch.cumsum(betas, dim=0),
            "Each step takes its share of what is left, not of the whole. (Is your last share negative?)",
        ),
        Mistake(
            "only the last step",
            lambda betas: 1 - betas,
            "That is α, what one step leaves. The bar asks for all the steps up to t together.",
        ),
        Mistake(
            "one step behind",
            lambda betas: torch.cat([betas.new_ones(1), torch.cumprod(1 - betas, dim=0)[:-1]]),
            "Your table begins with 1, clean data. Here t = 0 is the first noisy step, and ᾱ_0 = 1 - β_0.",
        ),
        Mistake(
            "the root of it",
            lambda betas: torch.cumprod((1 - betas).sqrt(), dim=0),
            "That is √ᾱ, the factor of the data. ᾱ itself is a share of the variance: no root.",
        ),
        Mistake(
            "one product for all",
            lambda betas: torch.prod(1 - betas),
            "That is ᾱ at the end, after all T steps. Asked for is the table of all ᾱ_t: a running product.",
        ),
        Mistake(
            "the share of the noise",
            lambda betas: 1 - torch.cumprod(1 - betas, dim=0),
            "1 - ᾱ_t is the share that has become noise. ᾱ_t is the share that is still data.",
        ),
    ),
    hints=(
        "After one step the share 1 - β_0 is left. After the second one, which share of that?",
        "A running product: torch.cumprod(..., dim=0).",
    ),
    insight="Everything about a schedule follows from this one table.",
)


def noisy(z, noise, alpha_bar):
    """All steps up to t in a single one (DDPM, equation 4)."""
    return alpha_bar**0.5 * z + (1 - alpha_bar) ** 0.5 * noise


def _noisy_cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    return [(draw(8, 2), draw(8, 2), 0.9), (draw(2, 3, 8, 8), draw(2, 3, 8, 8), 0.25)]


noisy_exercise = Exercise(
    name="noise in one step",
    solution=noisy,
    cases=_noisy_cases,
    any_float=True,
    mistakes=(
        Mistake(
            "forgetting the roots",
            lambda z, noise, alpha_bar: alpha_bar * z + (1 - alpha_bar) * noise,
            "Shares of the variance must add up to 1, and variances are squares: take the root of each.",
        ),
        Mistake(
            "weights that add up to 1",
            lambda z, noise, alpha_bar: alpha_bar**0.5 * z + (1 - alpha_bar**0.5) * noise,
            "The squares of the two weights must add up to 1, not the weights: √(1-ᾱ), not 1-√ᾱ.",
        ),
        Mistake(
            "data and noise swapped",
            lambda z, noise, alpha_bar: (1 - alpha_bar) ** 0.5 * z + alpha_bar**0.5 * noise,
            "ᾱ is the share of the data. It is near 1 when there is little noise.",
        ),
        Mistake(
            "the data at full strength",
            lambda z, noise, alpha_bar: z + (1 - alpha_bar) ** 0.5 * noise,
            "Noise is added, but the data don't shrink, so that the variance grows beyond 1.",
        ),
        Mistake(
            "a root on the data only",
            lambda z, noise, alpha_bar: alpha_bar**0.5 * z + (1 - alpha_bar) * noise,
            "1 - ᾱ is a share of the variance as ᾱ is: the noise gets its root as well.",
        ),
        Mistake(
            "subtracting the noise",
            lambda z, noise, alpha_bar: alpha_bar**0.5 * z - (1 - alpha_bar) ** 0.5 * noise,
            "The cloud would be the same, since noise has no sign. But the network is asked for the noise "
            "that was added, and would learn its opposite.",
        ),
    ),
    hints=(
        "Two weights, one for z and one for the noise. Their squares are shares of the variance.",
        "The squares are ᾱ and 1 - ᾱ.",
    ),
    insight="Training jumps to any t with one draw of noise; without that it would have to walk there.",
)


def perfect(z_t, points, alpha_bar):
    """The mean of all points, each as often as it becomes z_t: a softmax over squared distances."""
    distance = torch.cdist(z_t, alpha_bar**0.5 * points)
    weight = torch.softmax(-(distance**2) / (2 * (1 - alpha_bar)), dim=1)
    return weight @ points


def _scored(score, power=0.5, weigh=lambda scores: torch.softmax(scores, dim=1)):
    """Another perfect denoiser: its score of a distance and a variance, in place of -d² / 2s²."""

    def answer(z_t, points, alpha_bar):
        distance = torch.cdist(z_t, alpha_bar**power * points)
        return weigh(score(distance, 1 - alpha_bar)) @ points

    return answer


def _gaussian(d, v):
    return -(d**2) / (2 * v)


def _naive(scores):
    weights = scores.exp()
    return weights / weights.sum(1, keepdim=True)


def _perfect_cases():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(40, 2, generator=generator)
    cases = [(torch.randn(6, 2, generator=generator), points, share) for share in (0.9, 0.5, 0.05)]
    # hardly any noise, and no point near by: every exp is 0
    return [*cases, (3 * torch.randn(6, 2, generator=generator), points[:20], 0.999)]


perfect_exercise = Exercise(
    name="the perfect denoiser",
    solution=perfect,
    cases=_perfect_cases,
    any_float=True,
    mistakes=(
        Mistake(
            "the nearest point",
            lambda z_t, points, alpha_bar: points[torch.cdist(z_t, alpha_bar**0.5 * points).argmin(1)],
            "The nearest point is the likeliest, but others may have become z_t as well. The squared "
            "error is smallest for the mean of them all.",
        ),
        Mistake(
            "points at full size",
            _scored(_gaussian, power=0),
            "In z_t the data have shrunk by √ᾱ. Compare it with the points that have shrunk as much.",
        ),
        Mistake(
            "ᾱ for √ᾱ",
            _scored(_gaussian, power=1),
            "ᾱ is a share of the variance; the data themselves have shrunk by its root.",
        ),
        Mistake(
            "dividing 0 by 0",
            _scored(_gaussian, weigh=_naive),
            "The formula is right, but with little noise every exp is so small that it is rounded to 0, and "
            "then so is their sum. torch.softmax subtracts the largest exponent first.",
        ),
        Mistake(
            "weights that don't add up to 1",
            _scored(_gaussian, weigh=torch.exp),
            "The formula says that w_i is proportional to the exp. Divide by the sum, or take a softmax.",
        ),
        Mistake(
            "forgetting the variance",
            _scored(lambda d, _v: -(d**2) / 2),
            "How near is near depends on the noise: divide the squared distance by its variance, 1 - ᾱ.",
        ),
        Mistake(
            "the deviation instead of the variance",
            _scored(lambda d, v: -(d**2) / (2 * v**0.5)),
            "A Gaussian's exponent is divided by twice its variance, and the variance of the noise is 1 - ᾱ.",
        ),
        Mistake(
            "forgetting the 2",
            _scored(lambda d, v: -(d**2) / v),
            "The exponent of a Gaussian has a 2 in it: distance squared over twice the variance.",
        ),
        Mistake(
            "distances without the square",
            _scored(lambda d, v: -d / (2 * v)),
            "torch.cdist gives distances; the exponent of a Gaussian has their squares.",
        ),
        Mistake(
            "the farthest points",
            _scored(lambda d, v: d**2 / (2 * v)),
            "A sign is missing: with it, near points weigh more than far ones.",
        ),
        Mistake(
            "softmax along the wrong axis",
            _scored(_gaussian, weigh=lambda scores: torch.softmax(scores, dim=0)),
            "The weights of all points for one z_t must add up to 1: the points are along dim=1.",
        ),
    ),
    hints=(
        "How likely is it that point i has become z_t? The noise is then z_t - √ᾱ x_i, and it is Gaussian.",
        "Its logarithm is -‖z_t - √ᾱ x_i‖² / (2 (1 - ᾱ)), up to a constant. torch.cdist gives all distances.",
        "torch.softmax of these along the points, then weights @ points.",
    ),
    insight="No network can beat this formula on its own data, and it can draw nothing new.",
)

EXERCISES = (
    alpha_bar_exercise,
    noisy_exercise,
    perfect_exercise,
    posterior_exercise,
    step_exercise,
    clinic_exercise,
)
