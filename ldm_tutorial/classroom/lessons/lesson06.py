"""Exercises of lesson 06, Samplers: those on DDIM. Heun's step and the spacing have files of their own."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.lessons.sampler_heun import heun_exercise
from ldm_tutorial.classroom.lessons.sampler_spacing import spacing_exercise


def fresh(eta, alpha_bar, alpha_bar_next):
    """The standard deviation σ of the noise that a step adds anew (DDIM, equation 16)."""
    variance = (1 - alpha_bar_next) / (1 - alpha_bar) * (1 - alpha_bar / alpha_bar_next)
    return eta * variance**0.5


def _variance(alpha_bar, alpha_bar_next):
    return (1 - alpha_bar_next) / (1 - alpha_bar) * (1 - alpha_bar / alpha_bar_next)


fresh_exercise = Exercise(
    name="fresh noise",
    solution=fresh,
    cases=lambda: [(1.0, 0.5, 0.9), (0.5, 0.1, 0.3), (0.2, 0.9, 0.98), (0.0, 0.01, 0.2)],
    mistakes=(
        Mistake(
            "the variance instead of the deviation",
            lambda eta, now, after: eta * _variance(now, after),
            "This multiplies noise of variance 1, so it must be a standard deviation: take the root.",
        ),
        Mistake(
            "eta under the root",
            lambda eta, now, after: (eta * _variance(now, after)) ** 0.5,
            "eta scales the standard deviation. Take the root first, then multiply.",
        ),
        Mistake(
            "the upper variance",
            lambda eta, now, after: eta * (1 - now / after) ** 0.5,
            "That is √β, the upper bound of lesson 04. It would not vanish in the last step, where ᾱ of the "
            "next level is 1. The lower one has (1-ᾱ_s)/(1-ᾱ_t) in front.",
        ),
        Mistake(
            "the first fraction upside down",
            lambda eta, now, after: eta * ((1 - now) / (1 - after) * (1 - now / after)) ** 0.5,
            "The first fraction must be below 1: the next level has less noise. Its 1-ᾱ stands on top.",
        ),
        Mistake(
            "the two levels exchanged",
            lambda eta, now, after: eta * _variance(after, now) ** 0.5,
            "Then the variance is negative, and its root a complex number. alpha_bar belongs to the noisier "
            "level t and is the smaller of the two; alpha_bar_next belongs to s.",
        ),
        Mistake(
            "without eta",
            lambda eta, now, after: _variance(now, after) ** 0.5,
            "That is the value for eta = 1. With eta = 0 nothing may be left.",
        ),
    ),
    hints=(
        "It is the standard deviation of the posterior of lesson 04, times eta.",
        "Its variance is (1-ᾱ_s)/(1-ᾱ_t) times β, where β = 1 - ᾱ_t/ᾱ_s belongs to the stride from s to t.",
    ),
    insight="One number, eta, leads from DDPM to a sampler that rolls no dice at all.",
)


def ddim_step(z_t, eps, alpha_bar, alpha_bar_next, sigma, noise):
    """From one noise level to the next (DDIM, equation 12)."""
    x0 = (z_t - (1 - alpha_bar) ** 0.5 * eps) / alpha_bar**0.5
    towards = (1 - alpha_bar_next - sigma**2) ** 0.5 * eps
    return alpha_bar_next**0.5 * x0 + towards + sigma * noise


def _stepped(kept=lambda now, after, sigma: after, image=lambda now, after: after, clean=None, new=1.0):
    """A wrong step: kept is 1 minus the variance of the old noise, image the level of the picture."""

    def answer(z_t, eps, now, after, sigma, noise):
        x0 = clean(z_t, eps, now) if clean else (z_t - (1 - now) ** 0.5 * eps) / now**0.5
        old = max(1 - kept(now, after, sigma), 0.0) ** 0.5
        return image(now, after) ** 0.5 * x0 + old * eps + new * sigma * noise

    return answer


def _right(_now, after, sigma):
    return after + sigma**2


def _step_cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    points = [
        (draw(16, 2), draw(16, 2), now, after, eta * _variance(now, after) ** 0.5, draw(16, 2))
        for now, after, eta in ((0.1, 0.4, 0.5), (0.5, 0.9, 0.3), (0.3, 0.8, 0.0), (0.98, 1.0, 0.0))
    ]
    return [*points, (draw(2, 4, 8, 8), draw(2, 4, 8, 8), 0.2, 0.7, 0.25, draw(2, 4, 8, 8))]


step_exercise = Exercise(
    name="a step of DDIM",
    solution=ddim_step,
    cases=_step_cases,
    mistakes=(
        Mistake(
            "too much noise",
            _stepped(lambda now, after, sigma: after),
            "The next level has room for noise of variance 1-ᾱ_s. You fill it with the old noise and add "
            "fresh noise on top: take σ² from the old.",
        ),
        Mistake(
            "σ without the square",
            _stepped(lambda now, after, sigma: after + sigma),
            "Under the root are variances, and σ is a standard deviation: 1-ᾱ_s-σ².",
        ),
        Mistake(
            "the two levels exchanged",
            lambda z_t, eps, now, after, sigma, noise: ddim_step(z_t, eps, after, now, sigma, noise),
            "z_t has the noise of level t, so find the clean picture with alpha_bar. Put noise back with "
            "alpha_bar_next.",
        ),
        Mistake(
            "no fresh noise",
            _stepped(_right, new=0.0),
            "Room is made for fresh noise, but none comes in: the variance shrinks with every step.",
        ),
        Mistake(
            "fresh noise by its variance",
            lambda z_t, eps, now, after, sigma, noise: ddim_step(z_t, eps, now, after, sigma, sigma * noise),
            "noise has variance 1, and what is fresh must have σ²: multiply it by σ, not by its square.",
        ),
        Mistake(
            "no room for fresh noise, and none",
            lambda z_t, eps, now, after, sigma, noise: ddim_step(z_t, eps, now, after, 0.0, noise),
            "That is the step for sigma = 0. Take σ² from the old noise and put σ · noise in its place.",
        ),
        Mistake(
            "the picture at its old size",
            _stepped(_right, image=lambda now, after: now),
            "At the next level there is more picture in z: √ᾱ_s of it.",
        ),
        Mistake(
            "the noise of the old level",
            _stepped(lambda now, after, sigma: now + sigma**2),
            "At the next level there is less noise: 1-ᾱ_s in all.",
        ),
        Mistake(
            "x0 not scaled up",
            _stepped(_right, clean=lambda z_t, eps, now: z_t - (1 - now) ** 0.5 * eps),
            "z_t minus its noise is √ᾱ_t times the picture. Divide by √ᾱ_t.",
        ),
        Mistake(
            "z_t in place of x0",
            _stepped(_right, clean=lambda z_t, eps, now: z_t),
            "First find the clean picture that z_t and eps imply, then put noise back, less of it.",
        ),
    ),
    hints=(
        "Three parts: the picture at its new size, what is kept of the noise that was seen, fresh noise.",
        "The picture is x0 = (z_t - √(1-ᾱ_t) eps) / √ᾱ_t, and its new size is √ᾱ_s.",
        "The variances of old and fresh noise must add up to 1-ᾱ_s, and the fresh one is σ².",
    ),
    insight="Nothing in it asks that s is t - 1: the step may be as long as you like.",
)


def step_up(z_s, eps, alpha_bar_s, alpha_bar_t):
    """A step of DDIM with eta = 0 in the other direction, from the cleaner level s up to t."""
    x0 = (z_s - (1 - alpha_bar_s) ** 0.5 * eps) / alpha_bar_s**0.5
    return alpha_bar_t**0.5 * x0 + (1 - alpha_bar_t) ** 0.5 * eps


def _sigma(alpha_bar):
    return (1 / alpha_bar - 1) ** 0.5


def _up_cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda: torch.randn(2, 4, 8, 8, generator=generator)  # noqa: E731
    return [(draw(), draw(), s, t) for s, t in ((1.0, 0.98), (0.9, 0.6), (0.5, 0.1))]


up_exercise = Exercise(
    name="a step up",
    solution=step_up,
    cases=_up_cases,
    mistakes=(
        Mistake(
            "noise upon noise",
            lambda z_s, eps, s, t: (t / s) ** 0.5 * z_s + (1 - t / s) ** 0.5 * eps,
            "That is the forward process of lesson 04, for fresh noise. Here the noise in z_s and the noise "
            "that comes are the same eps, so that not their variances add up but they themselves. Take the "
            "noise out, then put more of it in.",
        ),
        Mistake(
            "taking z_s for clean",
            lambda z_s, eps, s, t: t**0.5 * z_s + (1 - t) ** 0.5 * eps,
            "Right for the first step only. Later z_s has noise in it: find the clean picture first.",
        ),
        Mistake(
            "a step down",
            lambda z_s, eps, s, t: s**0.5 * (z_s - (1 - t) ** 0.5 * eps) / t**0.5 + (1 - s) ** 0.5 * eps,
            "The levels are exchanged: this is the sampler's step from t to s. z_s is at level s.",
        ),
        Mistake(
            "x0 not scaled up",
            lambda z_s, eps, s, t: t**0.5 * (z_s - (1 - s) ** 0.5 * eps) + (1 - t) ** 0.5 * eps,
            "z_s minus its noise is √ᾱ_s times the picture. Divide by √ᾱ_s.",
        ),
        Mistake(
            "z_s not turned into x",
            lambda z_s, eps, s, t: t**0.5 * (z_s + (_sigma(t) - _sigma(s)) * eps),
            "The step x + (σ_t - σ_s) eps is one in x, and x is z_s / √ᾱ_s. Divide before the step.",
        ),
        Mistake(
            "the step of x taken in z",
            lambda z_s, eps, s, t: z_s + (_sigma(t) - _sigma(s)) * eps,
            "This step is right for x = z/√ᾱ, not for z: divide z_s by √ᾱ_s before it, and multiply by √ᾱ_t "
            "after it.",
        ),
        Mistake(
            "x in place of z at the end",
            lambda z_s, eps, s, t: z_s / s**0.5 + (_sigma(t) - _sigma(s)) * eps,
            "That is x at the level t. z_t is √ᾱ_t times as large.",
        ),
        Mistake(
            "forgetting the roots",
            lambda z_s, eps, s, t: t * (z_s - (1 - s) * eps) / s + (1 - t) * eps,
            "ᾱ and 1-ᾱ are shares of the variance. The factors are their roots.",
        ),
    ),
    hints=(
        "The step of exercise 2 with sigma = 0 does not care which of the two levels is the cleaner one.",
        "x0 from z_s and eps at level s, then √ᾱ_t x0 + √(1-ᾱ_t) eps.",
    ),
    insight="An equation without dice can be followed in both directions.",
)

EXERCISES = (fresh_exercise, step_exercise, heun_exercise, spacing_exercise, up_exercise)
