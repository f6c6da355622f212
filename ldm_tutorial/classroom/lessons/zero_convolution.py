"""Exercise of lesson 07: how a convolution that is zero learns; and the same seen in a ControlNet."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch
from torch import Tensor

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.unet import ControlNet, UNet


def zero_gradients(x, weight, g):
    """Gradients of weight (D, C), bias (D,) and x (N, C), where y = x weight^T + bias and g is that of y."""
    return g.T @ x, g.sum(dim=0), g @ weight


def _cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    # As many channels out as in, as in a ControlNet; first at zero, then after a step.
    return [(draw(9, 4), torch.zeros(4, 4), draw(9, 4)), (draw(6, 3), 0.1 * draw(3, 3), draw(6, 3))]


zero_gradients_exercise = Exercise(
    name="out of zero",
    solution=zero_gradients,
    cases=_cases,
    any_float=True,
    mistakes=(
        Mistake(
            "nothing moves",
            lambda x, weight, g: (torch.zeros_like(weight), g.new_zeros(g.shape[1]), torch.zeros_like(x)),
            "That is what everybody fears. But the gradient of a weight is its *input* times g, and the "
            "input is not zero.",
        ),
        Mistake(
            "the weight's gradient is zero",
            lambda x, weight, g: (torch.zeros_like(weight), g.sum(dim=0), g @ weight),
            "The weight is zero; its gradient is not. It is made of x and g, and neither of them is zero.",
        ),
        Mistake(
            "transposed",
            lambda x, weight, g: (x.T @ g, g.sum(dim=0), g @ weight),
            "weight is (D, C), out times in, and so is its gradient: g.T @ x.",
        ),
        Mistake(
            "the mean over places",
            lambda x, weight, g: (g.T @ x / len(x), g.mean(dim=0), g @ weight),
            "All places share one weight, and each adds its part: a sum. (A mean, if there is one, is in the "
            "loss, and so in g.)",
        ),
        Mistake(
            "a bias for each place",
            lambda x, weight, g: (g.T @ x, g, g @ weight),
            "There is one bias for a channel, shared by all places: sum g over them.",
        ),
        Mistake(
            "x learns through the transpose",
            lambda x, weight, g: (g.T @ x, g.sum(dim=0), g @ weight.T),
            "y = x weight^T, so on the way back the transpose goes away: g @ weight.",
        ),
        Mistake(
            "g goes straight through",
            lambda x, weight, g: (g.T @ x, g.sum(dim=0), g),
            "So it would be with a skip connection. Through the convolution, g is multiplied by the weight. "
            "While that is zero, nothing reaches what lies behind.",
        ),
    ),
    hints=(
        "For one place: y = weight x + bias, and y_i has the gradient g_i. How does weight[i, j] reach y_i?",
        "weight[i, j] is multiplied by x_j and lands in y_i: its gradient is g_i x_j, summed over places.",
        "(g.T @ x, g.sum(dim=0), g @ weight)",
    ),
    insight="Zero weights learn at once; what lies behind them waits for one step, and then learns too.",
)


def largest_gradients(unet: UNet, control: ControlNet, z: Tensor, hint: Tensor, steps: int = 2, **inputs):
    """Train a ControlNet for some steps; for each the largest gradient of zeros, copy and U-Net.

    The loss is the mean square of the output: any would do. inputs: t, context, mask of the U-Net.
    """
    unet.requires_grad_(False)
    optimizer = torch.optim.SGD(control.parameters(), lr=0.1)
    rows = []
    for step in range(steps):
        optimizer.zero_grad()
        residuals = control(z, hint=hint, **inputs)
        unet(z, residuals=residuals, **inputs).square().mean().backward()
        parts = {"zero convolutions": control.zeros, "copied encoder": control.down, "U-Net": unet}
        rows.append({"step": step + 1} | {name: _largest(part) for name, part in parts.items()})
        optimizer.step()
    return rows


def _largest(module):
    found = [p.grad.abs().max().item() for p in module.parameters() if p.grad is not None]
    return max(found, default=0.0)  # frozen weights have no gradient at all
