"""Exercises of lesson 08, Latent diffusion. The patients of its clinic are in `clinic.py`."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.lessons.clinic import clinic_exercise
from ldm_tutorial.diffusion import NoiseSchedule


def standardise(z):
    """Latents with mean 0 and standard deviation 1 in every channel, over the batch and all places."""
    mean = z.mean(dim=(0, 2, 3), keepdim=True)
    std = z.std(dim=(0, 2, 3), keepdim=True, correction=0)
    return (z - mean) / std


def _latent_cases():
    torch.manual_seed(0)
    scale = torch.tensor([4.0, 7.0, 2.0, 5.0]).view(4, 1, 1)
    shift = torch.tensor([1.0, -2.0, 0.5, 3.0]).view(4, 1, 1)
    return [(torch.randn(16, 4, 8, 8) * scale + shift,), (torch.randn(64, 4, 4, 4) * scale + shift,)]


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
    ),
    hints=(
        "Two numbers a channel: how far it is from 0 on average, and how wide it is.",
        "z.mean(dim=(0, 2, 3), keepdim=True) has the shape (1, 4, 1, 1): one number a channel.",
        "Subtract that mean, then divide by z.std over the same axes, also with keepdim=True.",
    ),
    insight="This is what `measure_scale` stores in the checkpoint, and what `encode` and `decode` apply.",
)


def training_loss(denoise, schedule, z, t, noise):
    """Mean squared error of the predicted noise, one number for the batch (equation 2 of the paper)."""
    z_t = schedule.add_noise(z, noise, t)
    return (denoise(z_t, t) - noise).square().mean()


def _loss_cases():
    generator = torch.Generator().manual_seed(0)
    schedule = NoiseSchedule.scaled_linear()

    def denoise(z_t, t):
        return 0.7 * z_t - torch.cos(t.view(-1, 1, 1, 1) / 3)  # a neighbouring t gives another answer

    def draw(batch):
        shape = (batch, 4, 8, 8)
        z, noise = (torch.randn(shape, generator=generator) for _ in range(2))
        return denoise, schedule, 0.5 * z + 0.2, torch.randint(1, 999, (batch,), generator=generator), noise

    return [draw(4), draw(16)]


training_loss_exercise = Exercise(
    name="the training loss",
    solution=training_loss,
    cases=_loss_cases,
    mistakes=(
        Mistake(
            "comparing with the clean latent",
            lambda denoise, schedule, z, t, noise: (
                (denoise(schedule.add_noise(z, noise, t), t) - z).square().mean()
            ),
            "The network predicts epsilon, the noise that was added. Compare with the noise, not with z.",
        ),
        Mistake(
            "comparing with the noisy latent",
            lambda denoise, schedule, z, t, noise: (
                (denoise(z_t := schedule.add_noise(z, noise, t), t) - z_t).square().mean()
            ),
            "z_t is the input: a network that returns it unchanged would be perfect. Compare with the noise.",
        ),
        Mistake(
            "showing the network the clean latent",
            lambda denoise, schedule, z, t, noise: (denoise(z, t) - noise).square().mean(),
            "Nothing in z tells which noise was drawn: the network must see z_t.",
        ),
        Mistake(
            "t off by one",
            lambda denoise, schedule, z, t, noise: (
                (denoise(schedule.add_noise(z, noise, t), t + 1) - noise).square().mean()
            ),
            "The network is told t + 1 for a latent with the noise of t. Here t runs from 0 to T - 1.",
        ),
        Mistake(
            "t off by one in the noise",
            lambda denoise, schedule, z, t, noise: (
                (denoise(schedule.add_noise(z, noise, t - 1), t) - noise).square().mean()
            ),
            "The latent has the noise of t - 1, but the network is told t. Here t runs from 0 to T - 1.",
        ),
        Mistake(
            "a sum instead of a mean",
            lambda denoise, schedule, z, t, noise: (
                (denoise(schedule.add_noise(z, noise, t), t) - noise).square().sum()
            ),
            "A sum grows with batch and resolution, and the learning rate would have to shrink with them.",
        ),
        Mistake(
            "absolute instead of squared error",
            lambda denoise, schedule, z, t, noise: (
                (denoise(schedule.add_noise(z, noise, t), t) - noise).abs().mean()
            ),
            "The best answer to absolute error is a median, not the mean that the sampler needs. Square it. "
            "(A few published models do use it, LSUN churches among them.)",
        ),
    ),
    hints=(
        "Three lines: make z_t, ask the network, compare.",
        "z_t = schedule.add_noise(z, noise, t); the network is called as denoise(z_t, t).",
        "What should the network have answered? The noise. Mean of the squared difference.",
    ),
    insight="That is the whole training of a diffusion model; the rest of the loop is housekeeping.",
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


def timesteps(T, steps):
    """Timesteps of a run of `steps`, evenly spaced and ending the forward process: "trailing" spacing."""
    return [round(T - k * T / steps) - 1 for k in range(steps)]


timesteps_exercise = Exercise(
    name="the timesteps of a short run",
    solution=timesteps,
    cases=lambda: [(1000, 50), (1000, 4), (100, 10)],
    mistakes=(
        Mistake(
            "t off by one",
            lambda T, steps: [T - k * T // steps for k in range(steps)],
            "The list begins with T, but the table of noise levels ends at T - 1 (we count from 0).",
        ),
        Mistake(
            "never asking at the noisiest step",
            lambda T, steps: [k * (T // steps) for k in range(steps)][::-1],
            'This is the spacing called "leading": it starts below T - 1, though the noise you start from is '
            "that of T - 1. The network is told that there is still some picture in it.",
        ),
        Mistake(
            "from clean to noisy",
            lambda T, steps: [round(T - k * T / steps) - 1 for k in range(steps)][::-1],
            "Sampling starts from pure noise. Turn the list around.",
        ),
        Mistake(
            "one step too many",
            lambda T, steps: [round(T - k * T / steps) - 1 for k in range(steps + 1)],
            "The list ends with -1, which stands for the clean image: nothing is left to denoise there.",
        ),
    ),
    hints=(
        "The stride is T / steps. The first entry is T - 1, since t counts from 0.",
        "For T = 1000 and steps = 4: 999, 749, 499, 249.",
    ),
    insight="Models sampled from the wrong first step give grey pictures without contrast.",
)


FIRST = (standardise_exercise, training_loss_exercise, guided_exercise)
EXERCISES = (*FIRST, timesteps_exercise, clinic_exercise)
