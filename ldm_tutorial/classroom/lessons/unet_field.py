"""Which inputs an output depends on: computed (an exercise of lesson 05), and found from gradients."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ldm_tutorial.classroom.exercises import Exercise, Mistake


def receptive_field(layers):
    """The side of the square of inputs that one output sees, through layers of (kernel, stride)."""
    side, stride = 1, 1
    for kernel, step in layers:
        side += (kernel - 1) * stride
        stride *= step
    return side


def _too_early(layers):
    side, stride = 1, 1
    for kernel, step in layers:
        stride *= step
        side += (kernel - 1) * stride
    return side


def _widened(first=0, each=lambda kernel: kernel - 1, steps=math.prod):
    """A wrong field: another start, other kernels, or the strides before a layer put together wrongly."""

    def answer(layers):
        strides = [step for _, step in layers]
        return first + sum(each(kernel) * steps(strides[:i]) for i, (kernel, _) in enumerate(layers))

    return answer


field_exercise = Exercise(
    name="the receptive field",
    solution=receptive_field,
    cases=lambda: [([(3, 1)] * 4,), ([(3, 1), (3, 2), (3, 1), (3, 1)],), ([(5, 2), (3, 2), (3, 1), (1, 1)],)],
    mistakes=(
        Mistake(
            "strides left out",
            lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers),
            "Behind a layer of stride 2, neighbours are two inputs apart: what follows widens the field by "
            "twice as much.",
        ),
        Mistake(
            "a stride that counts too early",
            _too_early,
            "A layer's own stride spaces its outputs. It matters to the layers behind it, not to itself.",
        ),
        Mistake(
            "kernels added up",
            _widened(each=lambda kernel: kernel),
            "A 3x3 kernel reaches one further on both sides: it widens the field by kernel - 1. Begin with "
            "1, the place itself.",
        ),
        Mistake(
            "starting from 0",
            _widened(),
            "Before the first layer the field is the place itself: begin with 1.",
        ),
        Mistake(
            "a layer's own stride",
            lambda layers: 1 + sum((kernel - 1) * step for kernel, step in layers),
            "How far apart a layer's inputs are is decided by the layers before it: all their strides, "
            "multiplied. Its own matters to what follows.",
        ),
        Mistake(
            "strides added",
            _widened(first=1, steps=lambda before: 1 + sum(before)),
            "Behind two layers of stride 2, neighbours are four inputs apart, and behind three eight: "
            "multiply.",
        ),
        Mistake(
            "only the last stride",
            _widened(first=1, steps=lambda before: before[-1] if before else 1),
            "All the strides before a layer count, not only that of the layer just before it.",
        ),
        Mistake(
            "kernels multiplied",
            lambda layers: math.prod(kernel for kernel, _ in layers),
            "Neighbouring kernels overlap. Two 3x3 convolutions see 5x5, not 9x9.",
        ),
        Mistake(
            "the number of inputs",
            lambda layers: receptive_field(layers) ** 2,
            "Asked for is the side of the square, not its area.",
        ),
    ),
    hints=(
        "Begin with a field of 1. What does a 3x3 convolution add? And one behind a stride of 2?",
        "Keep two numbers: the side of the field, and how many inputs apart two neighbours are by now.",
        "side += (kernel - 1) * stride, and then stride *= step.",
    ),
    insight="Convolutions add to the field, strides multiply what is added: that is why a U goes down.",
)


def plain_network(layers: Sequence[tuple[int, int]]) -> nn.Sequential:
    """One-channel convolutions of (kernel, stride) whose weights are all positive: nothing can cancel."""
    stack = [nn.Conv2d(1, 1, kernel, stride, padding=kernel // 2) for kernel, stride in layers]
    for convolution in stack:
        nn.init.constant_(convolution.weight, 1 / convolution.weight.numel())
    return nn.Sequential(*stack)


def influence(function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """How much the middle of the output depends on every place of the input: z (B, c, h, w) -> (h, w).

    The root mean square of the gradient of the middle place, over images and channels, both those that go in
    and those that come out.
    """
    z = z.detach().requires_grad_()
    output = function(z)
    middle = output[..., output.shape[-2] // 2, output.shape[-1] // 2]
    total = torch.zeros_like(z)
    for channel in range(middle.shape[1]):
        (gradient,) = torch.autograd.grad(middle[:, channel].sum(), z, retain_graph=True)
        total += gradient.square()
    return total.mean((0, 1)).sqrt()


def field_side(of_place: Tensor) -> int:
    """The side of the square outside which nothing counts: influence (h, w) -> a number."""
    rows = (of_place.amax(1) > 1e-12).nonzero()
    return int(rows.max() - rows.min() + 1)


def reach(of_place: Tensor, share: float = 0.5) -> int:
    """The side of the smallest square around the middle that holds this share of the influence (h, w)."""
    height, width = of_place.shape
    whole = of_place.sum()
    y, x = height // 2, width // 2
    for radius in range(max(height, width)):
        square = of_place[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
        if square.sum() >= share * whole:
            return 2 * radius + 1
    raise ValueError(f"share is {share}; it must be at most 1")
