"""Two exercises of lesson 03 on autoencoder against discriminator: who pulls how hard, and on whom."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch
from torch import nn
from torch.func import functional_call

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.first_stage import hinge_d_loss, hinge_g_loss


def adaptive(reconstruction, adversarial, last_layer):
    """The factor that makes the adversarial loss pull at the last layer as hard as the reconstruction."""
    of_reconstruction = torch.autograd.grad(reconstruction, last_layer, retain_graph=True)[0]
    of_adversarial = torch.autograd.grad(adversarial, last_layer, retain_graph=True)[0]
    weight = of_reconstruction.norm() / (of_adversarial.norm() + 1e-4)
    return weight.clamp(0, 1e4).detach()


def _weighed(ratio, clamp=True):
    """Another weight: whatever `ratio` makes of the two gradients."""

    def answer(reconstruction, adversarial, last_layer):
        pulls = [
            torch.autograd.grad(loss, last_layer, retain_graph=True)[0]
            for loss in (reconstruction, adversarial)
        ]
        weight = ratio(*pulls)
        return weight.clamp(0, 1e4) if clamp else weight

    return answer


def _in_the_graph(reconstruction, adversarial, last_layer):
    pulls = [
        torch.autograd.grad(loss, last_layer, create_graph=True)[0] for loss in (reconstruction, adversarial)
    ]
    return (pulls[0].norm() / (pulls[1].norm() + 1e-4)).clamp(0, 1e4)


def _two_layers(function):
    """Compare the weight in a decoder of two layers, and whether it has a gradient; training then goes on."""

    def seen(x, hidden, last_layer, strength):
        last_layer = last_layer.clone().requires_grad_()
        copies = torch.tanh(x @ hidden) @ last_layer
        reconstruction, adversarial = (copies - x).square().mean(), -strength * copies.square().mean()
        weight = function(reconstruction, adversarial, last_layer)
        if weight is None or weight is ...:
            return None
        (reconstruction + adversarial).backward()
        known = torch.as_tensor(weight)
        return known.detach().item(), known.requires_grad

    return seen


def _decoders():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    return [(draw(6, 4), draw(4, 5), 2 * draw(5, 4), strength) for strength in (0.3, 2e-4, 0.0)]


adaptive_exercise = Exercise(
    name="the adaptive weight",
    solution=adaptive,
    cases=_decoders,
    probe=_two_layers,
    mistakes=(
        Mistake(
            "upside down",
            _weighed(lambda rec, adv: adv.norm() / (rec.norm() + 1e-4)),
            "The weight multiplies the adversarial loss. If that one pulls too hard, the weight must get "
            "smaller: its gradient is below the line.",
        ),
        Mistake(
            "losses instead of gradients",
            lambda rec, adv, last: (rec / (adv.abs() + 1e-4)).clamp(0, 1e4).detach(),
            "A large loss need not pull hard (add 100 to it: nothing changes). Compare gradients: "
            "torch.autograd.grad(loss, last_layer, retain_graph=True)[0].",
        ),
        Mistake(
            "dividing by nothing",
            _weighed(lambda rec, adv: rec.norm() / adv.norm()),
            "Where the adversarial gradient is tiny, that explodes. Add 1e-4 to it.",
        ),
        Mistake(
            "no upper bound",
            _weighed(lambda rec, adv: rec.norm() / (adv.norm() + 1e-4), clamp=False),
            "With an adversarial gradient of 0 the weight is still too large: keep it between 0 and 1e4.",
        ),
        Mistake(
            "squared lengths",
            _weighed(lambda rec, adv: rec.square().sum() / (adv.square().sum() + 1e-4)),
            "The length of a gradient is the root of the sum of its squares: .norm().",
        ),
        Mistake(
            "a weight with a gradient",
            _in_the_graph,
            "The number is right, but gradients flow through it, so that training would also try to change "
            "the weight. Leave create_graph away, or detach the result.",
        ),
    ),
    hints=(
        "The gradient of a loss with respect to one tensor: torch.autograd.grad(loss, tensor)[0].",
        "Both losses share a graph that training still needs: retain_graph=True.",
        "Length of the one over length of the other plus 1e-4, then .clamp(0, 1e4).",
    ),
    insight="With it, one adversarial weight serves for photographs and drawings, for L1 and for LPIPS.",
)


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


def _swapped(discriminator, images, copies):
    return contest(discriminator, images, copies)[::-1]


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
        return [torch.as_tensor(loss).detach() for loss in losses] + pulls

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
    insight="Published code has this fault: it trains, and the discriminator is held back all the while.",
)
