"""Pictures of lesson 05: the time embedding, influence on a grid, and where the size of a U-Net is."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from ldm_tutorial.classroom.style import COLOURS, Picture, picture, styled
from ldm_tutorial.unet import BlockCount

PARTS = {
    "parameters": (1e6, "parameters, millions"),
    "flops": (1e9, "arithmetic, GFLOP"),
    "kept": (1e6, "kept, MB"),
}


def heat(embedding: Tensor, title: str, marked: int | None = None) -> Picture:
    """An embedding (T, dim) as a heat map: time to the right, its numbers from top to bottom.

    marked: the index of the first sine, where a line is drawn.
    """
    with styled():
        figure = Figure((8.6, 3.8), layout="constrained")
        axis = figure.subplots()
        axis.grid(False)
        image = axis.imshow(
            embedding.T.numpy(), aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1, interpolation="antialiased"
        )
        if marked is not None:
            axis.axhline(marked - 0.5, color="black", linewidth=1.5)
        axis.set(xlabel="timestep t", ylabel="number of the vector")
        axis.set_title(title, loc="left", pad=10)
        figure.colorbar(image, label="value", ticks=[-1, 0, 1])
    return picture(figure, title)


def fields(named: Mapping[str, Tensor], title: str, cell: float = 2.5) -> Picture:
    """Influence of every place (h, w), a panel a name; dark is much, in shares of the largest."""
    with styled():
        figure = Figure((cell * len(named) + 0.6, cell + 0.9), layout="constrained")
        axes = figure.subplots(1, len(named), squeeze=False)[0]
        for axis, (name, values) in zip(axes, named.items(), strict=True):
            axis.grid(False)
            shown = axis.imshow(
                (values / values.max()).sqrt().numpy(), cmap="Blues", vmin=0, vmax=1, interpolation="nearest"
            )
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set(visible=True, color="#999999")
            axis.set_title(name, fontsize=12.5)
        bar = figure.colorbar(shown, ax=axes, shrink=0.8, ticks=[0, 0.5, 1])
        bar.ax.set_yticklabels(["0", "1/4", "1"])
        bar.set_label("influence, largest = 1\n(square-root scale)")
        figure.suptitle(title, x=0, ha="left", fontsize=15)
    return picture(figure, title)


def places(blocks: Sequence[BlockCount]) -> dict[str, dict[str, float]]:
    """Sums of parameters, arithmetic and kept activations by place in the U: its levels, and the middle."""
    sums: dict[str, dict[str, float]] = {}
    for block in blocks:
        words = block.name.replace(".", " ").split()
        place = " ".join(words[:2]) if words[0] in ("down", "up") else words[0]
        if place in ("time", "conv_in", "norm_out", "conv_out"):
            place = "ends"
        entry = sums.setdefault(place, dict.fromkeys(PARTS, 0.0))
        for part in PARTS:
            entry[part] += getattr(block, part)
    ends = sums.pop("ends")
    return sums | {"ends": ends}


def where(blocks: Sequence[BlockCount], title: str) -> Picture:
    """Three panels of bars, one for each place in the U: its parameters, its arithmetic, what it keeps."""
    sums = places(blocks)
    colour = {
        "down": COLOURS["blue"],
        "middle": COLOURS["vermillion"],
        "up": COLOURS["green"],
        "ends": "#999999",
    }
    colours = [colour[name.split()[0]] for name in sums]
    with styled():
        figure = Figure((10, 4.2), layout="constrained")
        axes = figure.subplots(1, len(PARTS), sharey=True)
        for axis, (part, (unit, label)) in zip(axes, PARTS.items(), strict=True):
            values = [entry[part] / unit for entry in sums.values()]
            drawn = axis.barh(list(sums), values, color=colours)
            axis.bar_label(drawn, [f"{value:.0f}" for value in values], padding=3, fontsize=11)
            axis.set(xlabel=label)
            axis.margins(x=0.2)
            axis.grid(False, axis="y")
        axes[0].invert_yaxis()
        figure.suptitle(title, x=0, ha="left", fontsize=15)
    return picture(figure, title)
