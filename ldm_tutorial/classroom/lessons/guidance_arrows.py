"""What guidance does to a single point, drawn: three answers of a denoiser on one straight line."""

from collections.abc import Callable, Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ldm_tutorial.classroom.lessons.guidance_plane import NULL
from ldm_tutorial.classroom.style import COLOURS, Picture, picture, styled
from ldm_tutorial.diffusion import NoiseSchedule

PALE = "#cfcfcf"


def answers(
    denoise: Callable[..., Tensor], schedule: NoiseSchedule, z_t: Tensor, t: int, condition: int, w: float
) -> dict[str, Tensor]:
    """Where z_t (N, 2) is sent by eps(null), eps(c) and the guided eps: √ᾱ x0 = z_t - √(1-ᾱ) eps, (N, 2)."""
    ts = torch.full((len(z_t),), t)
    empty, told = (
        denoise(z_t, ts, torch.full((len(z_t), 1), asked, dtype=torch.int64)) for asked in (NULL, condition)
    )
    _, s = schedule.signal_and_noise(ts, z_t)
    named = {"eps(null)": empty, "eps(c)": told, "guided": empty + w * (told - empty)}
    return {name: z_t - s * epsilon for name, epsilon in named.items()}


def arrows(
    panels: Mapping[str, tuple[Tensor, Mapping[str, Tensor]]],
    title: str,
    data: Tensor,
    highlighted: Tensor,
    limit: float = 1.8,
    cell: float = 3.4,
) -> Picture:
    """A panel a name: from each z_t (N, 2) an arrow to every answer of `answers`, and the line they lie on.

    data (M, 2) are drawn pale, the points of the class asked for, `highlighted` (K, 2), a little darker.
    """
    with styled():
        figure = Figure((cell * len(panels), cell + 0.9), layout="constrained")
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axis, (name, (z_t, named)) in zip(axes, panels.items(), strict=True):
            for points, colour in ((data, PALE), (highlighted, COLOURS["sky"])):
                axis.scatter(*points.T.tolist(), s=3, color=colour, linewidths=0, alpha=0.7)
            for i, start in enumerate(z_t.tolist()):
                tips = [ends[i].tolist() for ends in named.values()]
                axis.plot(*zip(*tips, strict=True), ":", color=COLOURS["black"], linewidth=1.6, zorder=4)
                for tip, (label, colour) in zip(tips, _colours(named).items(), strict=True):
                    style = {"arrowstyle": "-|>", "color": colour, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
                    axis.annotate(
                        "", tip, start, arrowprops=style, zorder=3, annotation_clip=False
                    ).set_in_layout(False)
                    if not i:
                        axis.plot([], [], color=colour, label=label)
                axis.plot(*start, "o", color=COLOURS["black"], markerfacecolor="white", zorder=5)
            axis.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[], aspect="equal")
            axis.spines[:].set(visible=True, color=PALE)
            axis.set_title(name, fontsize=12.5)
        handles = axes[0].get_legend_handles_labels()
        figure.legend(*handles, loc="outside lower left", ncols=3, fontsize=12)
        figure.suptitle(title, x=0, ha="left", fontsize=15)
    return picture(figure, title)


def _colours(named):
    return dict(zip(named, (COLOURS["black"], COLOURS["blue"], COLOURS["vermillion"]), strict=True))
