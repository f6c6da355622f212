"""Several measures over one axis: a small panel for each, so that none needs a second scale."""

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

from ldm_tutorial.classroom.curves import STYLES
from ldm_tutorial.classroom.style import INK, Picture, picture, styled

HEIGHT = 3.5
TITLE_CHARACTERS = 9.5  # of a title that fit an inch


def panels(
    plots: Mapping[str, Mapping[str, tuple[Sequence, Sequence]]],
    xlabel: str,
    title: str,
    levels: Mapping[str, Mapping[str, float]] | None = None,
    ranges: Mapping[str, tuple[float | None, float | None]] | None = None,
    logx: bool = False,
    width: float = 12.0,
) -> Picture:
    """One panel a measure: `panels({"FD-lite0": {"DDIM": (calls, distance)}}, "calls", "...")`.

    levels: for a measure, horizontal lines to read against, by name. ranges: the least and the largest value
        that its axis shows; None is chosen from the data. logx: a logarithmic axis, with ticks where the
        first line has points.
    Where all panels hold the same lines there is one legend, below; else each has its own.
    """
    with styled():
        figure = Figure((width, HEIGHT), layout="constrained")
        axes = figure.subplots(1, len(plots), sharex=True, squeeze=False)[0]
        for axis, (measure, lines) in zip(axes, plots.items(), strict=True):
            for (name, (x, y)), (colour, line, marker) in zip(lines.items(), STYLES, strict=False):
                line = line if len(x) > 1 else "none"  # a single point has no line, in the legend neither
                axis.plot(x, y, linestyle=line, color=colour, marker=marker, label=name)
            for name, level in (levels or {}).get(measure, {}).items():
                axis.axhline(level, color=INK, linewidth=1.2, linestyle=(0, (1, 2)), label=name)
            axis.set(xlabel=xlabel, ylim=(ranges or {}).get(measure, (None, None)))
            axis.set_title(measure, loc="left", fontsize=13)
            if logx:
                axis.set_xscale("log")
                axis.set_xticks(next(iter(lines.values()))[0])
                axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
                axis.xaxis.set_minor_locator(NullLocator())
        if len({tuple(lines) for lines in plots.values()}) == 1:
            of_all = [axis.get_legend_handles_labels() for axis in axes]
            named = {
                name: handle for handles, names in of_all for handle, name in zip(handles, names, strict=True)
            }
            place = {"loc": "outside lower left", "ncols": len(named)}
            figure.legend(named.values(), named.keys(), fontsize=12, **place)
        else:
            for axis in axes:
                axis.legend(fontsize=11)
        wrapped = textwrap.fill(title, int(width * TITLE_CHARACTERS))
        figure.suptitle(wrapped, x=0.005, ha="left", fontsize=15)
    return picture(figure, title)
