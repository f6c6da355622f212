"""The exercise of lesson 03 on two players and two gradients: each loss reaches its own player only."""

from typing import NamedTuple

import torch
from torch import nn
from torch.func import functional_call

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.first_stage import hinge_d_loss, hinge_g_loss


def contest(discriminator, images, copies):
    """What the autoencoder and what the discriminator minimise; each reaches its own parameters only."""
    fixed = {name: p.detach() for name, p in discriminator.named_parameters()}
    for_autoencoder = hinge_g_loss(functional_call(discriminator, fixed, (copies,)))
    for_discriminator = hinge_d_loss(discriminator(images), discriminator(copies.detach()))
    return for_autoencoder, for_discriminator


def _mixed(freeze, detach):
    """A contest in which one player, or both, get the other's gradients."""

    def answer(discriminator, images, copies):
        fixed = {n: p.detach() if freeze else p for n, p in discriminator.named_parameters()}
        seen = copies.detach() if detach else copies
        return (
            hinge_g_loss(functional_call(discriminator, fixed, (copies,))),
            hinge_d_loss(discriminator(images), discriminator(seen)),
        )

    return answer


def _copies_cut(discriminator, images, copies):
    copies = copies.detach()
    with torch.no_grad():
        for_autoencoder = hinge_g_loss(discriminator(copies))
    return for_autoencoder, hinge_d_loss(discriminator(images), discriminator(copies))


def _both_cut(discriminator, images, copies):
    copies = copies.detach()
    return hinge_g_loss(discriminator(copies)), hinge_d_loss(discriminator(images), discriminator(copies))


def _copies_unheard(discriminator, images, copies):
    for_autoencoder, _ = contest(discriminator, images, copies)
    with torch.no_grad():
        fake = discriminator(copies)
    return for_autoencoder, hinge_d_loss(discriminator(images), fake)


def _frozen_for_good(discriminator, images, copies):
    discriminator.requires_grad_(False)
    return contest(discriminator, images, copies)


def _swapped(discriminator, images, copies):
    return contest(discriminator, images, copies)[::-1]


class Left(NamedTuple):
    """What is compared: both losses, and what one backward pass of their sum leaves with either player."""

    loss_of_the_autoencoder: torch.Tensor
    loss_of_the_discriminator: torch.Tensor
    gradient_of_the_autoencoder: torch.Tensor
    gradient_of_the_discriminator: torch.Tensor
    discriminator_that_can_learn_afterwards: bool


def _gradients(function):
    """Compare the losses and what one backward pass of their sum leaves with either player."""

    def seen(images, decoder, judge):
        decoder = decoder.clone().requires_grad_()
        discriminator = nn.Linear(*judge.shape[::-1], bias=False)
        discriminator.weight = nn.Parameter(judge.clone())
        losses = function(discriminator, images, images @ decoder)
        if losses is None or any(loss is ... for loss in losses):
            return None
        sum(losses).backward()
        pulls = [torch.zeros_like(p) if p.grad is None else p.grad for p in (decoder, discriminator.weight)]
        values = [torch.as_tensor(loss).detach() for loss in losses]
        return Left(*values, *pulls, discriminator.weight.requires_grad)

    seen.given = lambda images, *_: (
        f"images and copies of shape {tuple(images.shape)} and a discriminator of one linear layer"
    )
    return seen


def _players():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    return [(draw(8, 4), 0.5 * draw(4, 4), 0.3 * draw(3, 4)) for _ in range(2)]


separation_exercise = Exercise(
    name="gradients that don't mix",
    solution=contest,
    cases=_players,
    probe=_gradients,
    mistakes=(
        Mistake(
            "the discriminator is not frozen",
            _mixed(freeze=False, detach=True),
            "The autoencoder's loss goes through the discriminator, and leaves its gradient there: the "
            "discriminator is taught to call copies real. Freeze its parameters for that loss.",
        ),
        Mistake(
            "the copies are not detached",
            _mixed(freeze=True, detach=False),
            "The discriminator's loss goes back through the copies into the autoencoder, which is taught to "
            "make copies that are easy to tell. Give that loss copies.detach().",
        ),
        Mistake(
            "nothing is separated",
            _mixed(freeze=False, detach=False),
            "Both losses reach both players. For the autoencoder's the discriminator must be frozen, for the "
            "discriminator's the copies detached.",
        ),
        Mistake(
            "the discriminator is not frozen, and both copies are detached",
            _both_cut,
            "Detached copies are right for the discriminator's loss. The autoencoder's needs the way back "
            "through the copies, and through a discriminator whose parameters are frozen meanwhile.",
        ),
        Mistake(
            "no_grad in the discriminator's loss",
            _copies_unheard,
            "Under no_grad the logits of the copies lose the way to the discriminator, too: it learns from "
            "the images only. Cut the copies (copies.detach()), not the logits.",
        ),
        Mistake(
            "the discriminator stays frozen",
            _frozen_for_good,
            "It was frozen for the autoencoder's loss and not thawed: it learns nothing from its own. Call "
            "requires_grad_(True) before its loss is computed.",
        ),
        Mistake(
            "the autoencoder learns nothing",
            _copies_cut,
            "Its loss has no way back to it: the copies were detached there as well, or all of it was done "
            "under no_grad. Freeze the discriminator's parameters, not the copies.",
        ),
        Mistake(
            "the two losses swapped",
            _swapped,
            "The values and gradients are right. First the autoencoder's loss, then the discriminator's.",
        ),
    ),
    hints=(
        "Three calls of the discriminator: copies for the autoencoder; images and copies for itself.",
        "In its own loss the copies are copies.detach().",
        "For the other: discriminator.requires_grad_(False), the call, then requires_grad_(True) again.",
    ),
    insight="Code that forgets one of these cuts trains all the same, and one player works against itself.",
)
