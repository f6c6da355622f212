"""Pictures of lesson 10: balls around points, clouds of repeated measurements, many small curves."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from torch import Tensor

from ldm_tutorial.classroom.curves import STYLES
from ldm_tutorial.classroom.style import COLOURS, INK, Picture, picture, styled
from ldm_tutorial.metrics import density_coverage, precision_recall
from ldm_tutorial.metrics.manifolds import inside, radii

BLUE, ORANGE, MISSED = COLOURS["blue"], COLOURS["orange"], COLOURS["vermillion"]


def balls(samples: Tensor, reference: Tensor, k: int, limit: float = 2.6) -> Picture:
    """Points (N, 2) against (M, 2): whose balls to the k-th neighbour, which points lie in them, four shares.

    Centres are small dots in the colour of the balls, points in a ball are black, the others crosses.
    """
    with styled():
        figure = Figure((9.6, 5.5), layout="constrained")
        axes = figure.subplots(1, 2)
        for axis, (centres, points, colour, name, whose) in zip(
            axes,
            (
                (reference, samples, BLUE, "precision", "samples in the balls of the real points"),
                (samples, reference, ORANGE, "recall", "real points in the balls of the samples"),
            ),
            strict=True,
        ):
            radius = radii(centres, k)
            held = inside(points, centres, radius).counts > 0
            _discs(axis, centres, radius, colour)
            axis.plot(*centres.T.tolist(), ".", color=colour, markersize=5, label="centre of a ball")
            for part, mark, hue, where in (
                (points[held], "o", INK, "in a ball"),
                (points[~held], "X", MISSED, "in no ball"),
            ):
                axis.plot(*part.T.tolist(), mark, color=hue, markersize=7, linestyle="none", label=where)
            axis.legend(loc="lower left", fontsize=11)
            axis.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[], aspect="equal")
            axis.set_title(f"{name}: {whose}", fontsize=12, loc="left")
        precision, recall = precision_recall(samples, reference, k)
        density, coverage = density_coverage(samples, reference, k)
        said = (
            f"precision {precision:.2f}, recall {recall:.2f}, density {density:.2f}, coverage {coverage:.2f}"
        )
        figure.suptitle(f"k = {k}: {said}", x=0, ha="left", fontsize=15)
    return picture(figure, said)


def _discs(axis, centres, radius, colour):
    wide = (2 * radius).tolist()
    discs = EllipseCollection(
        wide,
        wide,
        [0.0] * len(wide),
        units="xy",
        offsets=centres.numpy(),
        transOffset=axis.transData,
        facecolors=colour,
        edgecolors=colour,
        alpha=0.15,
    )
    axis.add_collection(discs)


def dots(panels: Mapping[str, Mapping[str, Sequence[float]]], title: str, limits=None, lines=None) -> Picture:
    """A panel a name, in it each repeated measurement as a dot and their mean as a bar, side by side by name.

    limits: the range of the vertical axis by panel. lines: where the truth lies, by panel and name.
    """
    with styled():
        figure = Figure((4.6 * len(panels), 3.9), layout="constrained")
        for axis, (ylabel, named) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True
        ):
            for place, ((name, values), colour) in enumerate(
                zip(named.items(), COLOURS.values(), strict=False)
            ):
                across = torch.linspace(-0.18, 0.18, len(values)) + place
                axis.plot(across.tolist(), list(values), "o", color=colour, markersize=4.5, alpha=0.7)
                mean = sum(values) / len(values)
                axis.plot([place - 0.3, place + 0.3], [mean, mean], color=colour, linewidth=2.5)
                truth = (lines or {}).get(ylabel, {}).get(name)
                if truth is not None:
                    axis.plot([place - 0.42, place + 0.42], [truth, truth], "--", color=INK, linewidth=1.3)
            axis.grid(False, axis="x")
            axis.set_xticks(range(len(named)), list(named))
            axis.set(xlim=(-0.6, len(named) - 0.4), ylabel=ylabel, ylim=(limits or {}).get(ylabel))
        figure.suptitle(title, x=0, ha="left", fontsize=15)
    return picture(figure, title)


def panels(
    named: Mapping[str, Mapping[str, tuple[Sequence, Sequence]]], xlabel: str, title: str, columns: int = 3
) -> Picture:
    """A small panel of curves a name, all over the same axis and with one legend."""
    count = -(-len(named) // columns)
    with styled():
        figure = Figure((3.5 * columns, 2.7 * count + 0.9), layout="constrained")
        axes = figure.subplots(count, columns, squeeze=False, sharex=True).flat
        for axis, (ylabel, lines) in zip(axes, named.items(), strict=False):
            for (name, (x, y)), (colour, line, marker) in zip(lines.items(), STYLES, strict=False):
                axis.plot(list(x), list(y), line, color=colour, marker=marker, label=name)
            axis.set_title(ylabel, loc="left", fontsize=13)
            low, high = axis.get_ylim()
            axis.set_ylim(min(low, 0), 1.05 if 0.5 < high < 1.05 else high)
        for axis in axes[-columns:]:
            axis.set_xlabel(xlabel)
        handles = axes[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower left", ncols=len(handles[1]), fontsize=12)
        figure.suptitle(title, x=0, ha="left", fontsize=15)
    return picture(figure, title)


def over_inverse(
    measured: Mapping[str, Mapping[int, float]],
    lines: Mapping[str, tuple[float, float]],
    ylabel: str,
    title: str,
    near: int = 400,
) -> Picture:
    """Distances by name and N over 1/N, all of them and those from `near` on, with a line of each name.

    lines: by name the height at 1/N = 0, a ring in the picture, and the slope.
    """
    with styled():
        figure = Figure((9.6, 4.2), layout="constrained")
        axes = figure.subplots(1, 2)
        for axis, least in zip(axes, (min(min(row) for row in measured.values()), near), strict=True):
            for (name, row), (colour, _, marker) in zip(measured.items(), STYLES, strict=False):
                kept = {1 / n: value for n, value in row.items() if n >= least}
                axis.plot(kept.keys(), kept.values(), marker, color=colour, label=name)
                limit, slope = lines[name]
                ends = [0, 1.04 / least]
                axis.plot(ends, [limit + slope * x for x in ends], "-", color=colour, linewidth=1.3)
                axis.plot([0], [limit], "o", color=colour, fillstyle="none", markersize=9, clip_on=False)
            axis.set(xlabel="1 / N", ylabel=ylabel)
            axis.locator_params(axis="x", nbins=5)
            axis.set_title(f"N = {least} and more", loc="left", fontsize=13)
        axes[0].legend(title="points measured, lines fitted")
        figure.suptitle(title, x=0, ha="left", fontsize=15)
    return picture(figure, title)
