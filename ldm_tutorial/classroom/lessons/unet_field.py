"""Which inputs an output of a network depends on, found from gradients (lesson 05)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def plain_network(layers: Sequence[tuple[int, int]]) -> nn.Sequential:
    """One-channel convolutions of (kernel, stride) whose weights are all positive: nothing can cancel."""
    stack = [nn.Conv2d(1, 1, kernel, stride, padding=kernel // 2) for kernel, stride in layers]
    for convolution in stack:
        nn.init.constant_(convolution.weight, 1 / convolution.weight.numel())
    return nn.Sequential(*stack)


def influence(function: Callable[[Tensor], Tensor], z: Tensor) -> Tensor:
    """How much the middle of the output depends on every place of the input: z (B, c, h, w) -> (h, w).

    The root mean square of the gradient of the middle place, over images and channels, both those that go in
    and those that come out; its sum is 1.
    """
    z = z.detach().requires_grad_()
    output = function(z)
    middle = output[..., output.shape[-2] // 2, output.shape[-1] // 2]
    total = torch.zeros_like(z)
    for channel in range(middle.shape[1]):
        (gradient,) = torch.autograd.grad(middle[:, channel].sum(), z, retain_graph=True)
        total += gradient.square()
    found = total.mean((0, 1)).sqrt()
    return found / found.sum()


def field_side(of_place: Tensor) -> int:
    """The side of the square outside which nothing counts: influence (h, w) -> a number."""
    rows = (of_place.amax(1) > 1e-12).nonzero()
    return int(rows.max() - rows.min() + 1)


def reach(of_place: Tensor, share: float = 0.5) -> int:
    """The side of the smallest square around the middle that holds this share of the influence (h, w)."""
    height, width = of_place.shape
    y, x = height // 2, width // 2
    for radius in range(max(height, width)):
        square = of_place[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
        if square.sum() >= share:
            return 2 * radius + 1
    raise ValueError(f"share is {share}; it must be at most 1")
