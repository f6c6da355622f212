"""Figures of the experiments that train: quality over minutes for each f, what families of models draw."""

from statistics import mean

import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import pil_to_tensor

from ldm_tutorial.classroom.curves import STYLES
from ldm_tutorial.classroom.experiments import Experiment
from ldm_tutorial.classroom.pictures import rows
from ldm_tutorial.classroom.style import INK, Picture, picture, styled
from ldm_tutorial.data import bundled

SETS = {"peeps": "portraits", "celeba64": "faces"}
MEASURE = "FD-lite0"
TITLE = "Which compression pays when: {n} samples a point, mean and range over the seeds"
WHAT = "What each family draws after {minutes:g} minutes on one core: {sets}"


def over_minutes(found: Experiment, title: str = "") -> Picture:
    """FD-lite0 over minutes of training, of `compression_over_time`: a panel a data set, a line an f.

    Lines are means over the seeds, bands go from the best to the worst of them. In the column `copies` is the
    distance of the first stage's own reconstructions; the dotted line is that of other real images.
    """
    sets = list(dict.fromkeys(row["data"] for row in found.rows))
    title = title or TITLE.format(n=found.rows[0]["n"])
    with styled():
        figure = Figure((6.2 * len(sets), 5.2), layout="constrained")
        for axis, data in zip(figure.subplots(1, len(sets), squeeze=False)[0], sets, strict=True):
            of_data = [row for row in found.rows if row["data"] == data]
            minutes = sorted({row["minutes"] for row in of_data})
            beyond = 1.15 * minutes[-1]  # where no time is: the column of copies
            for f, (colour, line, marker) in zip(factors(found), STYLES, strict=False):
                points = by_minutes([row for row in of_data if row["f"] == f])
                if not points:
                    continue
                x, y = list(points), list(points.values())
                axis.fill_between(x, [min(v) for v in y], [max(v) for v in y], color=colour, alpha=0.15, lw=0)
                axis.plot(x, [mean(v) for v in y], line, color=colour, marker=marker, label=f"f = {f}")
                copies = next((row["copies"] for row in of_data if row["f"] == f), None)
                if copies is not None:
                    axis.plot(beyond, copies, color=colour, marker=marker)
            floor = found.real[data][MEASURE]
            axis.axhline(floor, color=INK, lw=1.2, linestyle=(0, (1, 2)), label="other real images")
            axis.axvspan(1.075 * minutes[-1], 1.22 * minutes[-1], color=INK, alpha=0.06, lw=0)
            axis.set_xticks([*minutes, beyond], [*(f"{m:g}" for m in minutes), "copies"])
            axis.set(xlabel="minutes of training on one core", xlim=(None, 1.22 * minutes[-1]))
            axis.set_ylim(0, None)
            axis.set_title(f"{SETS[data]}: {MEASURE}, less is better", loc="left", fontsize=13)
        entries = {
            name: entry
            for axis in figure.axes
            for entry, name in zip(*axis.get_legend_handles_labels(), strict=True)
        }
        figure.legend(
            entries.values(), entries.keys(), fontsize=12, ncols=len(entries), loc="outside lower left"
        )
        figure.suptitle(title, x=0.005, ha="left", fontsize=15)
    return picture(figure, title)


def factors(found: Experiment) -> list[int]:
    return sorted({row["f"] for row in found.rows})


def by_minutes(of_f: list[dict]) -> dict[float, list[float]]:
    """The distances of all seeds after so many minutes, in order."""
    return {
        minutes: [row[MEASURE] for row in of_f if row["minutes"] == minutes]
        for minutes in sorted({row["minutes"] for row in of_f})
    }


def of_families(found: Experiment, title: str = "") -> Picture:
    """The first pictures that each family draws, of `families`: a row a family, data sets side by side.

    A family that was not measured on a data set leaves its places there empty.
    """
    sets = list(dict.fromkeys(row["data"] for row in found.rows))
    drawn = {(row["family"], row["data"]): pictures_in(row["pictures"]) for row in found.rows}
    blank = [None] * len(next(iter(drawn.values())))
    families = dict.fromkeys(row["family"] for row in found.rows)
    return rows(
        {
            family: [image for data in sets for image in drawn.get((family, data), blank)]
            for family in families
        },
        title=title
        or WHAT.format(minutes=found.settings["minutes"], sets=", then ".join(map(SETS.get, sets))),
        cell=0.85,
    )


def pictures_in(name: str) -> Tensor:
    """The images (n, 3, H, H) of a PNG beside the experiments in which they stand side by side."""
    with Image.open(bundled("experiments") / name) as file:
        image = pil_to_tensor(file.convert("RGB"))
    return torch.stack(image.split(image.shape[1], dim=2))
