"""The exercise of lesson 08 on the loss that trains a diffusion model."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.diffusion import NoiseSchedule


def training_loss(denoise, schedule, z, t, noise):
    """Mean squared error of the predicted noise, one number for the batch (equation 2 of the paper)."""
    z_t = schedule.add_noise(z, noise, t)
    return (denoise(z_t, t) - noise).square().mean()


def _loss_cases():
    generator = torch.Generator().manual_seed(0)
    schedule = NoiseSchedule.scaled_linear()

    weight = torch.tensor(0.7, requires_grad=True)

    def denoise(z_t, t):
        return weight * z_t - torch.cos(t.view(-1, 1, 1, 1) / 3)  # a neighbouring t gives another answer

    def draw(batch):
        shape = (batch, 4, 8, 8)
        z, noise = (torch.randn(shape, generator=generator) for _ in range(2))
        return denoise, schedule, 0.5 * z + 0.2, torch.randint(1, 999, (batch,), generator=generator), noise

    return [draw(4), draw(16)]


def _seeded(function):
    """`function` behind a fixed seed: noise that it draws afresh is the same each time, and can be named."""

    def seeded(denoise, schedule, z, t, noise):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return function(denoise, schedule, z, t, noise)

    seeded.given = lambda denoise, schedule, z, t, noise: f"z and noise of shape {tuple(z.shape)}"
    return seeded


training_loss_exercise = Exercise(
    name="the training loss",
    solution=training_loss,
    cases=_loss_cases,
    probe=_seeded,
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
            "fresh noise in the latent",
            lambda denoise, schedule, z, t, noise: (
                (denoise(schedule.add_noise(z, torch.randn_like(z), t), t) - noise).square().mean()
            ),
            "You drew new noise for the latent and compare with the old one, which is nowhere in it. Use the "
            "noise that was given, in both places.",
        ),
        Mistake(
            "fresh noise to compare with",
            lambda denoise, schedule, z, t, noise: (
                (denoise(schedule.add_noise(z, noise, t), t) - torch.randn_like(z)).square().mean()
            ),
            "The network can only find the noise that was added. Compare with that one.",
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
            "latent and noise swapped",
            lambda denoise, schedule, z, t, noise: (
                (denoise(schedule.add_noise(noise, z, t), t) - noise).square().mean()
            ),
            "Here the noise is what gets buried. It is add_noise(z, noise, t).",
        ),
        Mistake(
            "plain z + noise",
            lambda denoise, schedule, z, t, noise: (denoise(z + noise, t) - noise).square().mean(),
            "That is the same noise at every t. schedule.add_noise weighs the two.",
        ),
        Mistake(
            "a sum over each image",
            lambda denoise, schedule, z, t, noise: (
                (denoise(schedule.add_noise(z, noise, t), t) - noise).square().flatten(1).sum(1).mean()
            ),
            "That is the norm in the formula, to the letter. We take the mean over the numbers of a latent, "
            "so that the loss reads the same at every resolution.",
        ),
        Mistake(
            "a sum instead of a mean",
            lambda denoise, schedule, z, t, noise: (
                (denoise(schedule.add_noise(z, noise, t), t) - noise).square().sum()
            ),
            "A sum grows with batch and resolution, and the learning rate would have to shrink with them.",
        ),
        Mistake(
            "the root of the mean",
            lambda denoise, schedule, z, t, noise: (
                (denoise(schedule.add_noise(z, noise, t), t) - noise).square().mean().sqrt()
            ),
            "The loss is the mean of the squares. A root at the end would weigh small and large errors anew.",
        ),
        Mistake(
            "half of it",
            lambda denoise, schedule, z, t, noise: (
                0.5 * (denoise(schedule.add_noise(z, noise, t), t) - noise).square().mean()
            ),
            "Some books put 1/2 before the square. It changes no minimum, but the number, and here the mean "
            "is asked for as it is.",
        ),
        Mistake(
            "no square",
            lambda denoise, schedule, z, t, noise: (
                denoise(schedule.add_noise(z, noise, t), t) - noise
            ).mean(),
            "Without the square, errors above and below cancel, and a loss far below 0 is no better answer.",
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
