"""The exercise of lesson 01 on the loss of a VAE, where the reductions are what goes wrong."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake


def vae_loss(x, copy, kl, beta):
    """Half the squared error + beta KL, each summed over an image; the mean over the batch."""
    error = 0.5 * (copy - x).square().flatten(1).sum(1)
    return (error + beta * kl).mean()


def _errors(x, copy):
    return 0.5 * (copy - x).square().flatten(1)


def _loss_cases():
    generator = torch.Generator().manual_seed(0)

    def draw(batch, side, beta):
        x, noise = torch.rand(2, batch, 3, side, side, generator=generator) * 2 - 1
        kl = 20 * torch.rand(batch, generator=generator)
        return x, (x + 0.2 * noise).requires_grad_(), kl, beta

    return [draw(4, 16, 10.0), draw(8, 8, 0.5)]


loss_exercise = Exercise(
    name="the loss of a VAE",
    solution=vae_loss,
    cases=_loss_cases,
    mistakes=(
        Mistake(
            "averaging the error over values",
            lambda x, copy, kl, beta: (_errors(x, copy).mean(1) + beta * kl).mean(),
            "The KL is a sum over its numbers, and so must the error be. Averaged over the values of an "
            "image it weighs as many times less (12,288 times for our portraits), as if β were that much "
            "larger, and every image comes out as the mean. This is the commonest bug of VAEs.",
        ),
        Mistake(
            "torch's default mse_loss",
            lambda x, copy, kl, beta: (copy - x).square().mean() + beta * kl.mean(),
            "mse_loss averages over all pixel values unless told otherwise, and it has no 1/2. The KL is a "
            "sum over its numbers: sum the error over each image too.",
        ),
        Mistake(
            "a sum over the batch",
            lambda x, copy, kl, beta: (_errors(x, copy).sum(1) + beta * kl).sum(),
            "Each image's loss is right. Take their mean, so that the step does not grow with the batch.",
        ),
        Mistake(
            "summing the error over the batch",
            lambda x, copy, kl, beta: _errors(x, copy).sum() + beta * kl.mean(),
            "The KL is averaged over the batch, but the error is added up over it, so that β counts less "
            "the larger the batch is. Sum the error over each image alone: .flatten(1).sum(1).",
        ),
        Mistake(
            "forgetting β",
            lambda x, copy, kl, beta: (_errors(x, copy).sum(1) + kl).mean(),
            "Error and KL are right, but the KL is to be weighed by β.",
        ),
        Mistake(
            "forgetting the half",
            lambda x, copy, kl, beta: (2 * _errors(x, copy).sum(1) + beta * kl).mean(),
            "A Gaussian's logarithm has half the squared error in it. Without the 1/2 your β counts half.",
        ),
        Mistake(
            "β on the error",
            lambda x, copy, kl, beta: (beta * _errors(x, copy).sum(1) + kl).mean(),
            "β is the weight of the KL. On the error it works the other way round.",
        ),
        Mistake(
            "subtracting the KL",
            lambda x, copy, kl, beta: (_errors(x, copy).sum(1) - beta * kl).mean(),
            "The bound has -KL in it and is maximised. The loss is minus the bound: the KL comes with a "
            "plus, or training would drive the clouds away from N(0, 1).",
        ),
        Mistake(
            "absolute errors",
            lambda x, copy, kl, beta: ((copy - x).abs().flatten(1).sum(1) + beta * kl).mean(),
            "That is another noise of the pixels (Laplace), which the paper uses for its first stages. Here "
            "it is a Gaussian: half the squared error.",
        ),
        Mistake(
            "forgetting the KL",
            lambda x, copy, kl, beta: _errors(x, copy).sum(1).mean(),
            "That is the loss of a plain autoencoder: the clouds would shrink to points.",
        ),
    ),
    hints=(
        "(copy - x).square() has the shape (B, 3, H, W). Sum everything but the batch: .flatten(1).sum(1).",
        "Half of that plus beta * kl is one number an image. Then .mean().",
    ),
    insight="Sum over what belongs to one image, average over images. Mix them up, and β means nothing.",
)
