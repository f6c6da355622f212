"""Points in the plane and the paths they take, for lessons whose data are two-dimensional."""

import textwrap
from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ldm_tutorial.classroom.style import COLOURS, INK, Picture, picture, styled

PALE = "#c4c4c4"
NAME_LINE = 0.24  # inches that one line of a panel's name takes
TITLE_LINE = 0.27
TITLE_CHARACTERS = 9  # of a title that fit an inch


def scatter(
    panels: Mapping[str, Tensor | Mapping[str, Tensor]],
    title: str = "",
    columns: int | None = None,
    limit: float = 2.6,
    behind: Tensor | None = None,
    cell: float = 2.1,
    dot: float = 4.0,
    ticks: Sequence[float] = (),
) -> Picture:
    """A square panel of points a name: `scatter({"t = 0": z, "t = 50": z_50})`.

    panels: points (N, 2), or several sets by name, told apart by colour and in a legend; behind: points
        (M, 2) drawn pale below them in every panel; limit: the axes run from -limit to limit; dot: the area
        of a point in square points; ticks: numbers to mark on both axes.
    """
    panels = {name: _sets(name, points) for name, points in panels.items()}
    with styled():
        figure, axes = _page(list(panels), title, columns, limit, behind, cell)
        for axis, sets in zip(axes, panels.values(), strict=True):
            for (label, points), colour in zip(sets.items(), COLOURS.values(), strict=False):
                _dots(axis, points, colour, dot, label)
            axis.set(xticks=ticks, yticks=ticks)
            axis.tick_params(labelsize=10, length=3)
        labels = next(iter(panels.values()))
        if len(labels) > 1:
            handles = axes[0].get_legend_handles_labels()
            figure.legend(*handles, loc="outside lower left", ncols=len(labels), markerscale=3, fontsize=12)
    return picture(figure, title or " / ".join(panels))


def paths(
    panels: Mapping[str, Tensor | Sequence[Tensor]],
    title: str = "",
    columns: int | None = None,
    limit: float = 2.6,
    behind: Tensor | None = None,
    cell: float = 2.1,
    truth: Tensor | None = None,
    marks: bool = False,
    pale: bool = False,
) -> Picture:
    """The way that points go: each a line from a hollow circle to a full one, in a panel a name.

    panels: states (S, N, 2) in order of time; with S = 2 the lines are straight, from one place to another.
    truth: states (S', N, 2) of where the points should go: wide pale lines below, each with a cross at its
        end; marks: a small dot at every state. pale: thin pale lines with large ends, for ways of many turns.
    """
    panels = {name: _states(name, states) for name, states in panels.items()}
    colours = list(COLOURS.values())[:6]
    with styled():
        figure, axes = _page(list(panels), title, columns, limit, behind, cell)
        for axis, states in zip(axes, panels.values(), strict=True):
            for i in range(states.shape[1]):
                colour = colours[i % len(colours)]
                if truth is not None:
                    x, y = truth[:, i].T.tolist()
                    axis.plot(x, y, color=colour, linewidth=4, alpha=0.3, solid_capstyle="butt")
                    axis.plot(x[-1], y[-1], "x", color=colour, markersize=9)
                x, y = states[:, i].T.tolist()
                thin = {"linewidth": 0.8, "alpha": 0.4} if pale else {"linewidth": 1.0, "alpha": 0.8}
                axis.plot(x, y, marker="." if marks else None, color=colour, **thin)
                size = 11 if pale else 4
                axis.plot(x[0], y[0], "o", color=colour, markersize=size, markerfacecolor="white", zorder=3)
                axis.plot(x[-1], y[-1], "o", color=colour, markersize=size, zorder=3)
    return picture(figure, title or " / ".join(panels))


def _sets(name, points):
    sets = dict(points) if isinstance(points, Mapping) else {"": points}
    for part in sets.values():
        if not isinstance(part, Tensor) or part.ndim != 2 or part.shape[1] != 2:
            got = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
            raise ValueError(f"panel {name!r} needs points of shape (N, 2), but got {got}")
    return {label: part.detach().float().cpu() for label, part in sets.items()}


def _states(name, states):
    states = states if isinstance(states, Tensor) else torch.stack(list(states))
    if states.ndim != 3 or states.shape[2] != 2:
        raise ValueError(f"panel {name!r} needs states of shape (S, N, 2), but got {tuple(states.shape)}")
    return states.detach().float().cpu()


def _page(names, title, columns, limit, behind, cell):
    columns = columns or min(len(names), 5)
    count = -(-len(names) // columns)
    width = columns * cell
    names = [textwrap.fill(name, max(12, int(cell * 10))) for name in names]
    title = textwrap.fill(title, int(max(width, 3) * TITLE_CHARACTERS))
    head = TITLE_LINE * (title.count("\n") + 1) + 0.1 if title else 0
    lines = max(name.count("\n") + 1 for name in names)
    figure = Figure((width, count * (cell + lines * NAME_LINE) + head), layout="constrained")
    axes = figure.subplots(count, columns, squeeze=False).flat
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    for axis, name in zip(axes[: len(names)], names, strict=True):
        axis.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[], aspect="equal")
        axis.spines[:].set(visible=True, color=PALE, linewidth=0.8)
        axis.set_title(name, fontsize=12.5, color=INK, pad=4)
        if behind is not None:
            _dots(axis, behind.detach().float().cpu(), PALE, 3.0, "_")
    if title:
        figure.suptitle(title, x=0, ha="left", fontsize=15)
    return figure, axes[: len(names)]


def _dots(axis, points, colour, area, label):
    x, y = points.T.tolist()
    axis.scatter(x, y, s=area, color=colour, linewidths=0, label=label)
