"""Curves and bars, told apart by colour, by marker and by line style."""

import textwrap
from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ldm_tutorial.classroom.style import COLOURS, INK, Picture, picture, styled

GUIDE = "#888888"
STYLES = tuple(zip(COLOURS.values(), ("-", "--", "-.", ":", "-", "--", "-."), "os^Dv*P", strict=True))


def curves(
    named: Mapping[str, tuple[Sequence, Sequence]],
    xlabel: str,
    ylabel: str,
    title: str,
    logx=False,
    logy=False,
    levels: Mapping[str, float] | None = None,
    size=(8.0, 4.2),
    beside=False,
    guides: Mapping[str, tuple[Sequence, Sequence]] | None = None,
) -> Picture:
    """Lines over a common axis: `curves({"linear": (t, snr)}, "step t", "signal-to-noise ratio", "...")`.

    levels: horizontal lines to read against, by name. Markers are drawn where a line has at most 40 points.
    logx: a logarithmic axis; where an x is 0, one that is straight from 0 to 1 and logarithmic after it.
    logx=2: one that has its ticks at powers of 2.
    beside: the legend stands to the right of the axes, where the lines leave no room for it.
    guides: thin grey lines to compare with, such as one of a known slope; no data.
    """
    with styled():
        figure = Figure(size)
        axis = figure.subplots()
        for (name, (x, y)), (colour, line, marker) in zip(named.items(), STYLES, strict=False):
            x, y = _numbers(x), _numbers(y)
            few = len(x) <= 40
            line = line if len(x) > 1 else "none"  # a single point has no line, in the legend neither
            axis.plot(x, y, linestyle=line, color=colour, marker=marker if few else None, label=name)
        for (name, (x, y)), line in zip((guides or {}).items(), ("--", ":"), strict=False):
            axis.plot(_numbers(x), _numbers(y), line, color=GUIDE, linewidth=1.3, label=name, zorder=1)
        for name, level in (levels or {}).items():
            axis.axhline(level, color=INK, linewidth=1.2, linestyle=(0, (1, 2)))
            axis.annotate(
                name,
                (1, level),
                (0, 3),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                ha="right",
                va="bottom",
                fontsize=12,
            )
        axis.set(
            xlabel=xlabel,
            ylabel=ylabel,
            xscale="log" if logx else "linear",
            yscale="log" if logy else "linear",
        )
        if logx == 2:
            axis.set_xscale("log", base=2)
            axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        elif logx and any(min(_numbers(x)) == 0 for x, _ in named.values()):
            _log_from_zero(axis)
        if logx != 2:
            _plain_where_short(axis.xaxis)
        _plain_where_short(axis.yaxis)
        if len(named) > 1 or guides:
            axis.legend(**({"loc": "center left", "bbox_to_anchor": (1, 0.5)} if beside else {}))
        _title(axis, title, size)
    return picture(figure, title)


def bars(
    named: Mapping[str, float | Mapping[str, float]],
    ylabel: str,
    title: str,
    form="{:.2g}",
    logy=False,
    size=(8.0, 4.2),
) -> Picture:
    """One bar a name with its number on top; or several side by side, by series: `{"hair": {"copies": 0.9}}`.

    Every name has the same series; they are told apart by colour, in a legend.
    """
    with styled():
        figure = Figure(size)
        axis = figure.subplots()
        axis.grid(False, axis="x")
        colours, places = list(COLOURS.values()), range(len(named))
        grouped = isinstance(next(iter(named.values())), Mapping)
        groups = [value if grouped else {"": value} for value in named.values()]
        width = 0.6 if not grouped else 0.84 / len(groups[0])
        for i, label in enumerate(groups[0]):
            shift = (i - (len(groups[0]) - 1) / 2) * width
            values = [float(group[label]) for group in groups]
            colour = colours[i] if grouped else [colours[place % len(colours)] for place in places]
            drawn = axis.bar([place + shift for place in places], values, width, color=colour, label=label)
            axis.bar_label(drawn, [form.format(value) for value in values], padding=3)
        axis.set_xticks(places, [textwrap.fill(name, 16) for name in named])
        if grouped:
            axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        axis.set(ylabel=ylabel, yscale="log" if logy else "linear")
        axis.margins(y=0.15)
        _title(axis, title, size)
    return picture(figure, title)


def _log_from_zero(axis):
    """Timesteps count from 0, which a logarithm cannot show; the ticks are plain numbers."""
    right = axis.get_xlim()[1]
    axis.set_xscale("symlog", linthresh=1, linscale=0.4)
    ticks = [0, *(k * 10**n for n in range(6) for k in (1, 2, 5) if k * 10**n <= right)]
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.set_xticks([], minor=True)
    axis.set_xlim(-0.3, right)


def _plain_where_short(axis):
    """A logarithmic axis over less than two powers of ten says 5, 10, 20 and not 10¹ alone."""
    low, high = axis.get_view_interval()
    if axis.get_scale() == "log" and high < 100 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())


def _numbers(values):
    return values.detach().cpu().tolist() if isinstance(values, torch.Tensor) else [float(v) for v in values]


def _title(axis, title, size):
    axis.set_title(textwrap.fill(title, int(size[0] * 8.2)), loc="left", pad=12)
