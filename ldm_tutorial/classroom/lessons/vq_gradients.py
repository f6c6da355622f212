"""Two exercises of lesson 02 whose answers have the right value anyway: what counts is their gradients."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_tutorial.classroom.exercises import Exercise, Mistake


class Pulled(NamedTuple):
    """What is compared: the names of the entries are those that a reader is told."""

    value: Tensor
    gradient_of_z: Tensor
    gradient_of_e: Tensor


PLAIN = "a plain number"  # what any int or float counts as: all of them are wrong in the same way


def with_gradients(function: Callable[..., Tensor]) -> Callable:
    """`function` of z, e and perhaps more, turned into one that says how it pulls at both, too.

    The new function returns the value, the gradient of z and the gradient of e; the gradient that arrives at
    the value is uneven, so that none is right by chance. What no gradient reaches has one of 0. Where
    `function` returns no tensor, that is what the new one returns as well, or PLAIN for a number. A z or e
    that `function` overwrites is overwritten in the arguments of the new one, too.
    """

    @functools.wraps(function)
    def told(given_z, given_e, *more):
        z, e = given_z.clone().requires_grad_(), given_e.clone().requires_grad_()
        value = function(z, e, *more)
        for given, used in ((given_z, z), (given_e, e)):
            if not torch.equal(given, used):
                given.data = used.detach().clone()
        if isinstance(value, int | float):
            return PLAIN
        if not isinstance(value, Tensor):
            return value
        arriving = torch.linspace(0.5, 1.5, value.numel()).view(value.shape)
        pulls = [torch.zeros_like(z), torch.zeros_like(e)]
        if value.requires_grad:
            found = torch.autograd.grad(value, (z, e), arriving, allow_unused=True)
            pulls = [none if pull is None else pull for pull, none in zip(found, pulls, strict=True)]
        return Pulled(value.detach(), *pulls)

    return told


def _cases(more=((), ())):
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    return [
        (draw(*shape), draw(*shape), *some) for shape, some in zip(((6, 2), (2, 4, 3, 5)), more, strict=True)
    ]


def straight_through(z, e):
    """The value of the codes e, with a gradient that goes to z unchanged (Bengio et al. 2013)."""
    return e.detach() + (z - z.detach())


straight_through_exercise = Exercise(
    name="straight through",
    solution=straight_through,
    cases=_cases,
    probe=with_gradients,
    mistakes=(
        Mistake(
            "the gradient stays with the codes",
            lambda z, e: z + (e - z),
            "The value is right, but the z in the bracket takes away the gradient that the z outside gives, "
            "and e keeps its own. So the encoder, which made z, never learns. Make the bracket a constant.",
        ),
        Mistake(
            "no step at all",
            lambda z, e: z + (e - e),
            "The gradient is right, but the decoder gets z, not the code: nothing was exchanged.",
        ),
        Mistake(
            "no gradient at all",
            lambda z, e: (z + (e - z)).detach(),
            "Nothing learns: either all is detached, or the z in the bracket takes away what the z outside "
            "gives. Detach the bracket as a whole, and nothing else.",
        ),
        Mistake(
            "the codes get it, too",
            lambda z, e: e + (z - z.detach()),
            "z has its gradient, and e has it as well. The codes learn from a loss of their own: detach e.",
        ),
    ),
    hints=(
        "You need something with the value e - z and no gradient. x.detach() has the value of x and none.",
        "Add it to z: the value is then e, and the gradient that of z alone.",
    ),
    insight="Forward a step, backward a slope: the same trick trains networks with bits for weights.",
)


def vq_loss(z, e, commitment):
    """|sg(z) - e|^2 + commitment |z - sg(e)|^2, averaged (van den Oord et al. 2017, equation 3)."""
    return F.mse_loss(e, z.detach()) + commitment * F.mse_loss(z, e.detach())


vq_loss_exercise = Exercise(
    name="two pulls",
    solution=vq_loss,
    cases=lambda: _cases(((0.25,), (2.0,))),
    probe=with_gradients,
    mistakes=(
        Mistake(
            "the commitment on the wrong term",
            lambda z, e, commitment: commitment * F.mse_loss(e, z.detach()) + F.mse_loss(z, e.detach()),
            "The value is right. But the term whose z is stopped moves the codes, and it has no weight; the "
            "commitment weighs the other one, which holds the encoder. Well-known code has it the wrong way.",
        ),
        Mistake(
            "no stops",
            lambda z, e, commitment: (1 + commitment) * F.mse_loss(z, e),
            "The value is right. But each term pulls at both, so that both feel 1 + commitment and the two "
            "weights cannot be told apart.",
        ),
        Mistake(
            "the same stop twice",
            lambda z, e, commitment: (1 + commitment) * F.mse_loss(z, e.detach()),
            "The value is right. But e is stopped in both terms, so the codes never move.",
        ),
        Mistake(
            "z stopped in both terms",
            lambda z, e, commitment: (1 + commitment) * F.mse_loss(z.detach(), e),
            "The value is right. But z gets no gradient: nothing holds the latents back, and the codes are "
            "pulled at twice. In the second term stop e and leave z free.",
        ),
        Mistake(
            "0.25 written down",
            lambda z, e, commitment: vq_loss(z, e, 0.25),  # noqa: ARG005
            "It is right for a commitment of 0.25 only. Use the argument.",
        ),
        Mistake(
            "a plain number",
            lambda z, e, commitment: vq_loss(z, e, commitment).item(),
            "A plain number has no gradient, so nothing learns from it. Return the tensor, without .item() "
            "or float().",
        ),
        Mistake(
            "both stopped",
            lambda z, e, commitment: (1 + commitment) * F.mse_loss(z.detach(), e.detach()),
            "The value is right, and nothing moves: in each term one of the two must be free.",
        ),
        Mistake(
            "no commitment",
            lambda z, e, commitment: F.mse_loss(e, z.detach()),  # noqa: ARG005
            "The codes follow the latents. The second term, which holds the latents back, is missing.",
        ),
        Mistake(
            "a sum in place of the mean",
            lambda z, e, commitment: (
                (e - z.detach()).square().sum() + commitment * (z - e.detach()).square().sum()
            ),
            "The terms are right, but added up. Take the mean over all numbers, or the weight of this loss "
            "against the reconstruction grows with the size of the batch.",
        ),
    ),
    hints=(
        "Two squared errors with the same value. In the first z is detached, in the second e.",
        "The weight stands before the term in which z is free.",
        "F.mse_loss(a, b) is the mean of the squared differences.",
    ),
    insight="The value of this loss hides every mistake. Only the gradients tell who moves.",
)
