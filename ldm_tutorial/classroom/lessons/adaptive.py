"""The exercise of lesson 03 on how hard the critic may pull: the adaptive weight."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

from typing import NamedTuple

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake


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


def _by_backward(reconstruction, adversarial, last_layer):
    pulls = []
    for loss in (reconstruction, adversarial):
        loss.backward(retain_graph=True)
        pulls.append(last_layer.grad.norm())
        last_layer.grad = None
    return (pulls[0] / (pulls[1] + 1e-4)).clamp(0, 1e4)


class Weighed(NamedTuple):
    """What is compared: the weight, and what computing it has left behind."""

    weight: float
    gradient_that_flows_through_the_weight: bool
    gradient_left_in_the_decoder: bool


def _two_layers(function):
    """Compare the weight in a decoder of two layers, and whether it has a gradient; training then goes on."""

    def seen(x, hidden, last_layer, strength):
        hidden, last_layer = hidden.clone().requires_grad_(), last_layer.clone().requires_grad_()
        copies = torch.tanh(x @ hidden) @ last_layer
        reconstruction, adversarial = (copies - x).square().mean(), -strength * copies.square().mean()
        weight = function(reconstruction, adversarial, last_layer)
        if weight is None or weight is ...:
            return None
        left = any(layer.grad is not None for layer in (hidden, last_layer))
        (reconstruction + adversarial).backward()
        known = torch.as_tensor(weight)
        return Weighed(known.detach().item(), known.requires_grad, left)

    seen.given = lambda x, hidden, last_layer, strength: (
        f"a decoder of two layers, last_layer of shape {tuple(last_layer.shape)}, and an adversarial loss "
        f"of {strength:g} times the mean square of the copies, negative"
    )
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
        Mistake(
            "backward in place of grad",
            _by_backward,
            "The number is right, but .backward() leaves a gradient in every layer of the decoder, and the "
            "next step of the training would take it. torch.autograd.grad gives the one that is asked for, "
            "and leaves nothing.",
        ),
        Mistake(
            "the 0.5 included",
            lambda rec, adv, last: 0.5 * adaptive(rec, adv, last),
            "The 0.5 stands in front of the weight in the autoencoder's loss. Asked for is the weight alone.",
        ),
    ),
    hints=(
        "The gradient of a loss with respect to one tensor: torch.autograd.grad(loss, tensor)[0].",
        "Both losses share a graph that training still needs: retain_graph=True.",
        "Length of the one over length of the other plus 1e-4, then .clamp(0, 1e4).",
    ),
    insight="With it, one adversarial weight serves for photographs and drawings, for L1 and for LPIPS.",
)
