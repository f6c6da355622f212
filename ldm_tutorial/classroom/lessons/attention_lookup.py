"""From a dictionary to attention: a look-up among colours by the direction in which one asks."""

import colorsys
import math

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ldm_tutorial.classroom.style import INK, Picture, picture, styled

NAMES = ("red", "yellow", "green", "cyan", "blue", "magenta")
CUT = 1.08  # a longer query is cut to this length, with a mark; a key has length 1


def colour_keys() -> Tensor:
    """One key for each of NAMES: unit vectors (6, 2), 60 degrees apart."""
    return direction(torch.arange(6) * 60.0)


def colour_values() -> Tensor:
    """The colour of each of NAMES, RGB (6, 3) in [0, 1], softened so that mixtures stay bright."""
    return torch.tensor([colorsys.hsv_to_rgb(i / 6, 0.85, 0.95) for i in range(6)])


def direction(degrees: Tensor | float) -> Tensor:
    """Unit vectors (..., 2) at angles in degrees, counted against the clock from the right."""
    radians = torch.as_tensor(degrees, dtype=torch.float32) * math.pi / 180
    return torch.stack([radians.cos(), radians.sin()], dim=-1)


def shares(query: Tensor, keys: Tensor) -> Tensor:
    """softmax(keys · query): how much each of the keys (M, 2) fits the query (2,)."""
    return torch.softmax(keys @ query, dim=0)


def soft_lookup(query: Tensor, title: str) -> Picture:
    """The query among the colours' keys, each key's share, and the mixture of the values that comes out."""
    keys, values = colour_keys(), colour_values()
    weights = shares(query, keys)
    answer = (weights @ values).clamp(0, 1).tolist()
    with styled():
        figure = Figure((9.4, 3.1), layout="constrained")
        circle, bars, patch = figure.subplots(1, 3, width_ratios=(1, 1.9, 0.75))
        for key, value, name in zip(keys.tolist(), values.tolist(), NAMES, strict=True):
            circle.annotate("", key, (0, 0), arrowprops={"arrowstyle": "-|>", "color": value, "linewidth": 3})
            circle.text(1.28 * key[0], 1.28 * key[1], name, ha="center", va="center", fontsize=11)
        shown = query / max(1.0, query.norm().item() / CUT)
        circle.annotate(
            "", shown.tolist(), (0, 0), arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 2}
        )
        if cut := query.norm() > CUT:  # the two strokes that say that an axis or an arrow is broken
            across = torch.stack([-shown[1], shown[0]]) * 0.09 + shown * 0.03
            for middle in (0.5 * shown, 0.58 * shown):
                ends = torch.stack([middle - across, middle + across]).T.tolist()
                circle.plot(*ends, color=INK, linewidth=1.6, zorder=3)
        circle.set(xlim=(-1.7, 1.7), ylim=(-1.45, 1.45), xticks=[], yticks=[], aspect="equal")
        circle.set_title("black: the query" + ", cut short" * bool(cut), fontsize=12.5)
        drawn = bars.bar(NAMES, weights.tolist(), color=values.tolist(), edgecolor=INK, linewidth=0.8)
        bars.bar_label(drawn, [f"{weight:.2f}" for weight in weights], padding=2, fontsize=11)
        bars.set(ylim=(0, 1.12), ylabel="weight")
        bars.tick_params(axis="x", labelsize=11)
        bars.grid(False, axis="x")
        patch.set_facecolor(answer)
        patch.set(xticks=[], yticks=[], box_aspect=1)
        patch.grid(False)
        patch.set_title("what comes out", fontsize=12.5)
        for axis in (circle, patch):
            axis.spines[:].set(visible=True, color="#cccccc")
        figure.suptitle(title, x=0, ha="left", fontsize=15)
    return picture(figure, title)
