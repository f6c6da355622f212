"""Exercises of lesson 08, Latent diffusion. Loss, short runs and the clinic have files of their own."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.lessons.clinic import clinic_exercise
from ldm_tutorial.classroom.lessons.short_run import timesteps_exercise
from ldm_tutorial.classroom.lessons.training_loss import training_loss_exercise


def standardise(z):
    """Latents with mean 0 and standard deviation 1 in every channel, over the batch and all places."""
    mean = z.mean(dim=(0, 2, 3), keepdim=True)
    std = z.std(dim=(0, 2, 3), keepdim=True, correction=0)
    return (z - mean) / std


def _latent_cases():
    torch.manual_seed(0)
    scale = torch.tensor([4.0, 7.0, 2.0, 5.0]).view(4, 1, 1)
    shift = torch.tensor([1.0, -2.0, 0.5, 3.0]).view(4, 1, 1)
    # As many columns as channels: then one number a channel without its axes stops no code, and can be named.
    return [(torch.randn(32, 4, 8, 4) * scale + shift,), (torch.randn(64, 4, 4, 4) * scale + shift,)]


standardise_exercise = Exercise(
    name="standardise the latents",
    solution=standardise,
    cases=_latent_cases,
    tolerance=2e-3,  # with or without Bessel's correction: both are right
    mistakes=(
        Mistake(
            "one scale for all channels",
            lambda z: (z - z.mean()) / z.std(),
            "Taken together the channels have unit variance now, but one by one they do not. "
            "Keep the channel axis: dim=(0, 2, 3).",
        ),
        Mistake(
            "one scale for every place",
            lambda z: (z - z.mean(0)) / z.std(0),
            "You averaged over the batch only, so that every pixel of the latent gets its own scale. What is "
            "typical for a place (hair above, shirt below) would be taken out of the data.",
        ),
        Mistake(
            "one scale for every image",
            lambda z: (z - z.mean((2, 3), keepdim=True)) / z.std((2, 3), keepdim=True),
            "Every image has a scale of its own now, which no decoder can undo. Average over the batch too.",
        ),
        Mistake(
            "dividing by the variance",
            lambda z: (z - z.mean((0, 2, 3), keepdim=True)) / z.var((0, 2, 3), keepdim=True),
            "The variance is in squared units. Divide by its root, the standard deviation.",
        ),
        Mistake(
            "multiplying by the standard deviation",
            lambda z: (z - z.mean((0, 2, 3), keepdim=True)) * z.std((0, 2, 3), keepdim=True),
            "That makes wide channels wider. (0.18215 is multiplied because it is already one over the std.)",
        ),
        Mistake(
            "forgetting the mean",
            lambda z: z / z.std((0, 2, 3), keepdim=True),
            "The spread is right, but the channels are not centred. Noise has mean 0, and so should they.",
        ),
        Mistake(
            "forgetting keepdim",
            lambda z: (z - z.mean((0, 2, 3))) / z.std((0, 2, 3)),
            "Without keepdim=True the mean has the shape (4,) and is lined up with the last axis, the "
            "columns. With keepdim=True it is (1, 4, 1, 1): one number a channel. (These latents have 4 "
            "columns; with another width your code would have stopped.)",
        ),
        Mistake(
            "forgetting keepdim for the standard deviation",
            lambda z: (z - z.mean((0, 2, 3), keepdim=True)) / z.std((0, 2, 3)),
            "The channels are centred, but the standard deviation has the shape (4,) and is lined up with "
            "the columns. With keepdim=True it is (1, 4, 1, 1).",
        ),
        Mistake(
            "one mean for all channels",
            lambda z: (z - z.mean()) / z.std((0, 2, 3), keepdim=True),
            "The spread is right, but each channel has a mean of its own. Average over (0, 2, 3) there, too.",
        ),
        Mistake(
            "averaging over the channels",
            lambda z: (z - z.mean(1, keepdim=True)) / z.std(1, keepdim=True),
            "dim=1 is the axis of the channels: you made the four numbers of each place alike (a layer "
            "norm). That one axis is to be kept, and all others averaged over.",
        ),
        Mistake(
            "dividing first, then subtracting the old mean",
            lambda z: z / z.std((0, 2, 3), keepdim=True) - z.mean((0, 2, 3), keepdim=True),
            "Once z is divided, its mean is divided too, and the old one no longer fits. Subtract first.",
        ),
    ),
    hints=(
        "Two numbers a channel: how far it is from 0 on average, and how wide it is.",
        "z.mean(dim=(0, 2, 3), keepdim=True) has the shape (1, 4, 1, 1): one number a channel.",
        "Subtract that mean, then divide by z.std over the same axes, also with keepdim=True.",
    ),
    insight="This is what `measure_scale` stores in the checkpoint, and what `encode` and `decode` apply.",
)


def guided(eps_null, eps_cond, w):
    """The guided prediction: from the unconditional one, w times the way to the conditional one."""
    return eps_null + w * (eps_cond - eps_null)


def _guidance_cases():
    torch.manual_seed(0)
    a, b = torch.randn(2, 4, 8, 8), torch.randn(2, 4, 8, 8)
    return [(a, b, w) for w in (0.0, 1.0, 3.0, 7.5)]


guided_exercise = Exercise(
    name="guidance",
    solution=guided,
    cases=_guidance_cases,
    mistakes=(
        Mistake(
            "1 + w instead of w",
            lambda eps_null, eps_cond, w: (1 + w) * eps_cond - w * eps_null,
            "That is the other convention, with s = w - 1. Here w = 1 must give plain conditional sampling.",
        ),
        Mistake(
            "the two predictions swapped",
            lambda eps_null, eps_cond, w: eps_cond + w * (eps_null - eps_cond),
            "At w = 1 this forgets the caption. Start from the unconditional prediction.",
        ),
        Mistake(
            "only scaling the conditional prediction",
            lambda eps_null, eps_cond, w: w * eps_cond,
            "This makes the noise w times too large. Guidance stretches a difference, not a prediction.",
        ),
        Mistake(
            "adding without subtracting",
            lambda eps_null, eps_cond, w: eps_null + w * eps_cond,
            "At w = 1 the unconditional prediction is counted twice. Add w times the difference.",
        ),
        Mistake(
            "only the difference",
            lambda eps_null, eps_cond, w: w * (eps_cond - eps_null),
            "The difference is the direction, but a direction needs a place to start from: at w = 0 nothing "
            "is left. Add it to the unconditional prediction.",
        ),
        Mistake(
            "minus instead of plus",
            lambda eps_null, eps_cond, w: eps_null - w * (eps_cond - eps_null),
            "This walks away from the caption. (With w > 0 it is how a negative prompt works.)",
        ),
    ),
    hints=(
        "What must come out at w = 0? And at w = 1? A straight line through these two.",
        "Start at eps_null and walk w times the way to eps_cond.",
    ),
    insight="w = 0 ignores the caption, w = 1 follows it as in training, w > 1 goes beyond what was learned.",
)


FIRST = (standardise_exercise, training_loss_exercise, guided_exercise)
EXERCISES = (*FIRST, timesteps_exercise, clinic_exercise)
