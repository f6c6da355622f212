"""The exercise of lesson 01 on the scale of latents: where numbers like 0.18215 come from."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake

ALL = (0, 2, 3)  # images and places: everything but the channel


def latent_scale(mean, var):
    """Mean and standard deviation of every channel of the latents, the posterior's noise included."""
    centre = mean.mean(ALL)
    return centre, ((mean**2 + var).mean(ALL) - centre**2).sqrt()


def _spread(total):
    """A wrong scale: right means with another standard deviation."""
    return lambda mean, var: (mean.mean(ALL), total(mean, var))


def _scale_cases():
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        centre = torch.tensor([0.5, -2.0, 3.0]).view(3, 1, 1)
        width = torch.tensor([4.0, 1.0, 2.0]).view(3, 1, 1)
        mean = centre + width * torch.randn(shape, generator=generator)
        # Clouds as wide as the means are spread: what forgets them cannot pass for rounding.
        return mean, width**2 * (0.2 + torch.rand(shape, generator=generator))

    return [draw(16, 3, 8, 8), draw(40, 3, 4, 4)]


scale_exercise = Exercise(
    name="the scale of the latents",
    solution=latent_scale,
    cases=_scale_cases,
    tolerance=4e-3,  # with or without Bessel's correction: both are right
    mistakes=(
        Mistake(
            "forgetting the clouds",
            _spread(lambda mean, var: mean.std(ALL)),
            "That is the spread of the clouds' centres. The second stage sees draws from the clouds, and "
            "these add their own variance: the total is the variance of the means plus the mean variance.",
        ),
        Mistake(
            "only the clouds",
            _spread(lambda mean, var: var.mean(ALL).sqrt()),
            "That is how wide one image's cloud is. The clouds lie in different places, which adds the "
            "variance of their means.",
        ),
        Mistake(
            "adding deviations",
            _spread(lambda mean, var: mean.std(ALL) + var.sqrt().mean(ALL)),
            "Deviations of independent things don't add up; their squares, the variances, do. Add, then "
            "take the root.",
        ),
        Mistake(
            "not centred",
            _spread(lambda mean, var: (mean**2 + var).mean(ALL).sqrt()),
            "The mean of the squares is not yet the variance: subtract the square of the mean.",
        ),
        Mistake(
            "the variance",
            _spread(lambda mean, var: mean.var(ALL) + var.mean(ALL)),
            "That is the variance, in squared units. Asked for is its root.",
        ),
        Mistake(
            "one number for all channels",
            lambda mean, var: (mean.mean(), (mean.var() + var.mean()).sqrt()),
            "Each channel has its own mean and width: average over (0, 2, 3) and keep dim 1.",
        ),
        Mistake(
            "one number for every place",
            lambda mean, var: (mean.mean(0), (mean.var(0) + var.mean(0)).sqrt()),
            "You averaged over images only. Pixels of a latent share their channel's scale, or what is "
            "typical for a place would be taken out of the data.",
        ),
        Mistake(
            "the pair swapped",
            lambda mean, var: latent_scale(mean, var)[::-1],
            "Both are right, but in the other order: first the mean, then the deviation.",
        ),
        Mistake(
            "the factor for the deviation",
            _spread(lambda mean, var: (mean.var(ALL) + var.mean(ALL)).rsqrt()),
            "That is the factor to multiply with, one over the deviation (0.18215 is one). Asked for is the "
            "deviation.",
        ),
    ),
    hints=(
        "Average over images and places, keep the channels: .mean((0, 2, 3)).",
        "A draw is mean + noise, two independent parts. Their variances add up.",
        "The variance of the means, plus the mean of var; then the root.",
    ),
    insight="This is `measure_scale`: two numbers a channel, stored with the weights.",
)
