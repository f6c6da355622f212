"""Exercises of lesson 01, Autoencoders and the KL. The loss and the scale have files of their own."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.lessons.elbo_loss import loss_exercise
from ldm_tutorial.classroom.lessons.latent_scale import scale_exercise


def reparameterise(mean, logvar, noise):
    """A draw from N(mean, exp(logvar)) as a function of its parameters and of noise that has none."""
    return mean + torch.exp(0.5 * logvar) * noise


def _draw_cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    # Gradients are asked for one at a time, so that each way by which they may be lost is seen.
    by_mean = draw(4, 32).requires_grad_(), draw(4, 32) - 1, draw(4, 32)
    by_logvar = draw(2, 4, 8, 8), (draw(2, 4, 8, 8) - 1).requires_grad_(), draw(2, 4, 8, 8)
    return [by_mean, by_logvar]


def _called_twice(function):
    """The function; or numbers that are none, where it gives another answer to the same question."""

    def seen(mean, logvar, noise):
        z, again = function(mean, logvar, noise), function(mean, logvar, noise)
        if not isinstance(z, torch.Tensor) or torch.equal(z.nan_to_num(), again.nan_to_num()):
            return z
        return torch.full_like(z, torch.nan)

    return seen


reparameterise_exercise = Exercise(
    name="reparameterisation",
    solution=reparameterise,
    cases=_draw_cases,
    probe=_called_twice,
    mistakes=(
        Mistake(
            "drawing new noise",
            lambda mean, logvar, noise: mean + torch.exp(0.5 * logvar) * torch.randn_like(mean),
            "Asked twice, your function gives two answers. The draw has been made already: use the argument "
            "noise.",
        ),
        Mistake(
            "the variance for the deviation",
            lambda mean, logvar, noise: mean + logvar.exp() * noise,
            "exp(logvar) is the variance. Noise of deviation σ is σ times noise of deviation 1, so take the "
            "root: exp(logvar / 2).",
        ),
        Mistake(
            "the logarithm for the deviation",
            lambda mean, logvar, noise: mean + logvar * noise,
            "logvar is the logarithm of the variance and may be negative. Undo the logarithm, then take the "
            "root.",
        ),
        Mistake(
            "twice the logarithm",
            lambda mean, logvar, noise: mean + torch.exp(2 * logvar) * noise,
            "A root halves a logarithm: σ = exp(logvar / 2), not exp(2 logvar).",
        ),
        Mistake(
            "noise at full strength",
            lambda mean, logvar, noise: mean + noise,
            "The encoder says how wide its cloud is. Here every cloud has the width 1.",
        ),
        Mistake(
            "forgetting the mean",
            lambda mean, logvar, noise: torch.exp(0.5 * logvar) * noise,
            "The cloud has the right width, but it lies around 0 for every image: add the mean.",
        ),
        Mistake(
            "shifting before stretching",
            lambda mean, logvar, noise: (mean + noise) * torch.exp(0.5 * logvar),
            "That stretches the mean as well. Stretch the noise alone, then add the mean.",
        ),
        Mistake(
            "cutting the gradient of the width",
            lambda mean, logvar, noise: mean + torch.exp(0.5 * logvar).detach() * noise,
            "The numbers are right, but no gradient reaches logvar: the encoder could never learn how wide "
            "its clouds should be. Look for detach, no_grad or .item().",
        ),
    ),
    hints=(
        "Stretch noise of deviation 1 to the deviation σ, then shift it to the mean.",
        "logvar = log σ². What is σ? Halve it, then torch.exp.",
    ),
    insight="Noise comes in as an input, so that the draw has a derivative.",
)


def kl(mean, logvar):
    """KL(N(mean, exp(logvar)) || N(0, 1)) in nats, summed over the numbers of each image."""
    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar).sum(dim=1)


def _of(one, reduce=lambda each: each.sum(1)):
    """A wrong KL: other terms for one number, or another way to put the numbers together."""
    return lambda mean, logvar: reduce(one(mean, logvar))


def _right(mean, logvar):
    return 0.5 * (mean**2 + logvar.exp() - 1 - logvar)


def _kl_cases():
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(n, d, generator=generator), torch.randn(n, d, generator=generator) - 1)
        for n, d in ((6, 32), (3, 5))
    ]


kl_exercise = Exercise(
    name="the KL",
    solution=kl,
    cases=_kl_cases,
    mistakes=(
        Mistake(
            "averaging over the numbers of a latent",
            _of(_right, lambda each: each.mean(1)),
            "The KL of a vector of independent numbers is the sum of theirs. The mean is smaller by their "
            "count, and the KL weight would have to be larger by as much.",
        ),
        Mistake(
            "one number for the batch",
            _of(_right, lambda each: each.sum()),
            "Every image has a KL of its own: sum over dim=1 only, and keep the batch.",
        ),
        Mistake(
            "forgetting the half",
            _of(lambda mean, logvar: mean**2 + logvar.exp() - 1 - logvar),
            "The exponent of a Gaussian has a 1/2 in it, and so has the result.",
        ),
        Mistake(
            "forgetting the 1",
            _of(lambda mean, logvar: 0.5 * (mean**2 + logvar.exp() - logvar)),
            "The KL of N(0, 1) from itself must be 0. Yours is 1/2 for each number: subtract 1.",
        ),
        Mistake(
            "the deviation for the variance",
            _of(lambda mean, logvar: 0.5 * (mean**2 + torch.exp(0.5 * logvar) - 1 - logvar)),
            "The formula has σ², and exp(logvar) is σ² already: no further half.",
        ),
        Mistake(
            "logvar read as log σ",
            _of(lambda mean, logvar: 0.5 * (mean**2 + torch.exp(2 * logvar) - 1 - 2 * logvar)),
            "logvar is log σ², so exp(logvar) is σ² and -log σ² is -logvar: no factors of 2.",
        ),
        Mistake(
            "half of logvar for its logarithm",
            _of(lambda mean, logvar: 0.5 * (mean**2 + logvar.exp() - 1 - 0.5 * logvar)),
            "The formula has log σ², and that is logvar as it is. Half of it would be log σ.",
        ),
        Mistake(
            "the sign of the logarithm",
            _of(lambda mean, logvar: 0.5 * (mean**2 + logvar.exp() - 1 + logvar)),
            "The formula has -log σ²: a cloud that shrinks to a point must become expensive. With a plus it "
            "becomes cheaper and cheaper.",
        ),
        Mistake(
            "half of the first term only",
            _of(lambda mean, logvar: 0.5 * mean**2 + logvar.exp() - 1 - logvar),
            "The 1/2 stands before the whole bracket, not before μ² alone.",
        ),
        Mistake(
            "the mean without its square",
            _of(lambda mean, logvar: 0.5 * (mean + logvar.exp() - 1 - logvar)),
            "The formula has μ²: a cloud left of 0 is as far away as one right of it.",
        ),
        Mistake(
            "the other direction",
            _of(lambda mean, logvar: 0.5 * ((1 + mean**2) / logvar.exp() - 1 + logvar)),
            "That is KL(N(0, 1) ‖ q). The draws are the encoder's, so it is q that stands first.",
        ),
        Mistake(
            "the sign",
            _of(_right, lambda each: -each.sum(1)),
            "A KL is never negative. (Kingma and Welling write down -KL, which is what the bound has in it.)",
        ),
    ),
    hints=(
        "The formula stands above, for one number; exp(logvar) is σ² and logvar is log σ².",
        "Sum over dim=1, the numbers of a latent. The result has one entry an image.",
    ),
    insight="Zero only for N(0, 1) itself; it counts in nats how much the latent tells about its image.",
)

EXERCISES = (reparameterise_exercise, kl_exercise, loss_exercise, scale_exercise)
