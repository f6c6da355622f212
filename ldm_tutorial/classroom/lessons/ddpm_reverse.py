"""Two exercises of lesson 04: the posterior, and a step of the reverse process."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.diffusion import NoiseSchedule


def posterior(x0, z_t, alpha_bar_t, alpha_bar_before):
    """Mean and variance of z_{t-1}, given where it came from and where it went (DDPM, equation 7)."""
    alpha = alpha_bar_t / alpha_bar_before
    beta = 1 - alpha
    of_x0 = alpha_bar_before**0.5 * beta / (1 - alpha_bar_t)
    of_z_t = alpha**0.5 * (1 - alpha_bar_before) / (1 - alpha_bar_t)
    variance = beta * (1 - alpha_bar_before) / (1 - alpha_bar_t)
    return of_x0 * x0 + of_z_t * z_t, variance


def _variant(mean=lambda a, before, t: (before**0.5 * (1 - a), a**0.5 * (1 - before)), variance=None):
    """A wrong posterior: other weights of x0 and z_t (before division by 1-ᾱ_t), or another variance."""

    def answer(x0, z_t, alpha_bar_t, alpha_bar_before):
        alpha = alpha_bar_t / alpha_bar_before
        of_x0, of_z_t = mean(alpha, alpha_bar_before, alpha_bar_t)
        right = (1 - alpha) * (1 - alpha_bar_before) / (1 - alpha_bar_t)
        value = right if variance is None else variance(alpha, right)
        return (of_x0 * x0 + of_z_t * z_t) / (1 - alpha_bar_t), value

    return answer


def _posterior_cases():
    generator = torch.Generator().manual_seed(0)
    bars = NoiseSchedule.linear(100, 1e-3, 0.2).alphas_cumprod.tolist()
    draw = lambda: torch.randn(16, 2, generator=generator)  # noqa: E731
    return [(draw(), draw(), bars[t], bars[t - 1]) for t in (1, 20, 70)]


posterior_exercise = Exercise(
    name="the posterior",
    solution=posterior,
    cases=_posterior_cases,
    any_float=True,
    mistakes=(
        Mistake(
            "β for the variance",
            _variant(variance=lambda alpha, right: 1 - alpha),
            "β is the variance of the step forward. Whoever knows x0 knows more, so the variance is smaller: "
            "β times (1-ᾱ_{t-1})/(1-ᾱ_t).",
        ),
        Mistake(
            "the deviation instead of the variance",
            _variant(variance=lambda alpha, right: right**0.5),
            "The mean is right. Asked for is the variance, without the root.",
        ),
        Mistake(
            "weights swapped",
            _variant(lambda alpha, before, t: (alpha**0.5 * (1 - before), before**0.5 * (1 - alpha))),
            "Near the clean end x0 must count most: its weight has β in it, that of z_t has 1-ᾱ_{t-1}.",
        ),
        Mistake(
            "ᾱ_t in the weight of x0",
            _variant(lambda alpha, before, t: (t**0.5 * (1 - alpha), alpha**0.5 * (1 - before))),
            "z_{t-1} is one step cleaner than z_t: x0 is in it with √ᾱ_{t-1}.",
        ),
        Mistake(
            "ᾱ_t for α",
            _variant(lambda alpha, before, t: (before**0.5 * (1 - alpha), t**0.5 * (1 - before))),
            "From z_{t-1} to z_t it is one step only: √α, with α = ᾱ_t / ᾱ_{t-1}.",
        ),
        Mistake(
            "forgetting the roots",
            _variant(lambda alpha, before, t: (before * (1 - alpha), alpha * (1 - before))),
            "x0 is in z_{t-1} with √ᾱ_{t-1}, and z_{t-1} in z_t with √α: roots.",
        ),
        Mistake(
            "the two ᾱ swapped",
            lambda x0, z_t, alpha_bar_t, alpha_bar_before: posterior(x0, z_t, alpha_bar_before, alpha_bar_t),
            "z_t is the noisier one: ᾱ_t is smaller than ᾱ_{t-1}, and α = ᾱ_t / ᾱ_{t-1} is below 1.",
        ),
        Mistake(
            "1 - ᾱ_t for β",
            lambda x0, z_t, alpha_bar_t, alpha_bar_before: (
                alpha_bar_before**0.5 * x0
                + (alpha_bar_t / alpha_bar_before) ** 0.5 * (1 - alpha_bar_before) / (1 - alpha_bar_t) * z_t,
                1 - alpha_bar_before,
            ),
            "1 - ᾱ_t is the noise of all steps together. β is that of one: 1 - α, with α = ᾱ_t / ᾱ_{t-1}.",
        ),
    ),
    hints=(
        "First α = ᾱ_t / ᾱ_{t-1} and β = 1 - α: those of the single step from t-1 to t.",
        "The formula stands above. Return two things: the mean, a tensor, and the variance, a number.",
    ),
    insight="A product of two Gaussians is all there is in it; the network only has to supply x0.",
)


def reverse_step(z_t, eps, t, alpha_bars, noise):
    """From z_t to z_{t-1} (DDPM, algorithm 2, with the variance β)."""
    before = alpha_bars[t - 1] if t > 0 else 1.0
    alpha = alpha_bars[t] / before
    beta = 1 - alpha
    mean = (z_t - beta / (1 - alpha_bars[t]) ** 0.5 * eps) / alpha**0.5
    return mean + beta**0.5 * noise if t > 0 else mean


def _stepped(before=None, spread=lambda beta, t: beta**0.5 if t else 0.0, root=0.5, grown=0.5):
    """A wrong step: another ᾱ_{t-1}, another amount of noise, or another power of 1-ᾱ_t or of α."""

    def answer(z_t, eps, t, alpha_bars, noise):
        cleaner = before(alpha_bars, t) if before else (alpha_bars[t - 1] if t > 0 else 1.0)
        alpha = alpha_bars[t] / cleaner
        mean = (z_t - (1 - alpha) / (1 - alpha_bars[t]) ** root * eps) / alpha**grown
        return mean + spread(1 - alpha, t) * noise

    return answer


def _lower(z_t, eps, t, alpha_bars, noise):
    """A step with the lower variance."""
    before = alpha_bars[t - 1] if t > 0 else 1.0
    mean = reverse_step(z_t, eps, t, alpha_bars, 0 * noise)
    variance = (1 - alpha_bars[t] / before) * (1 - before) / (1 - alpha_bars[t])
    return mean + variance**0.5 * noise


def _step_cases():
    generator = torch.Generator().manual_seed(0)
    bars = NoiseSchedule.linear(100, 1e-3, 0.2).alphas_cumprod.tolist()
    draw = lambda: torch.randn(16, 2, generator=generator)  # noqa: E731
    return [(draw(), draw(), t, bars, draw()) for t in (99, 40, 1, 0)]


step_exercise = Exercise(
    name="a step back",
    solution=reverse_step,
    cases=_step_cases,
    any_float=True,
    mistakes=(
        Mistake(
            "noise at the last step",
            _stepped(spread=lambda beta, t: beta**0.5),
            "All is right until t = 0. There the step ends in the clean data, and what is added would stay.",
        ),
        Mistake(
            "alpha_bars[-1] at t = 0",
            _stepped(
                before=lambda bars, t: bars[t - 1], spread=lambda beta, t: abs(beta) ** 0.5 if t else 0.0
            ),
            "At t = 0, alpha_bars[t - 1] is alpha_bars[-1], in Python the last entry: that of pure noise. "
            "Before the first noisy step the data are clean, ᾱ = 1.",
        ),
        Mistake(
            "the variance instead of the deviation",
            _stepped(spread=lambda beta, t: beta if t else 0.0),
            "Noise of variance β is √β times noise of variance 1.",
        ),
        Mistake(
            "the lower variance",
            _lower,
            "That is β̃_t, and samplers do use it. But the formula above takes the upper one, β_t.",
        ),
        Mistake(
            "no noise at t = 1",
            _stepped(spread=lambda beta, t: beta**0.5 if t > 1 else 0.0),
            "The paper counts from 1, and its last step is t = 1. Here it is t = 0: only that one adds none.",
        ),
        Mistake(
            "forgetting to divide by √(1-ᾱ_t)",
            _stepped(root=0.0),
            "ε is in z_t with √(1-ᾱ_t); what the step takes away is β/√(1-ᾱ_t) of it.",
        ),
        Mistake(
            "forgetting 1/√α_t",
            _stepped(grown=0.0),
            "The step forward has shrunk the data by √α_t. The step back must let them grow again.",
        ),
    ),
    hints=(
        "ᾱ_{t-1} is alpha_bars[t - 1], but what stands before t = 0?",
        "With α = ᾱ_t / ᾱ_{t-1} and β = 1 - α, the mean is the first formula above.",
        "Add √β times noise, unless t is 0.",
    ),
    insight="That is the whole sampler: this step, a hundred times here.",
)
