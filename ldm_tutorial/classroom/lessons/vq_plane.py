"""Vectors and codes of lesson 02 in the plane: cells, and the six steps of the codebook, each in a panel."""

import textwrap
from collections.abc import Mapping

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ldm_tutorial.classroom.style import COLOURS, INK, Picture, picture, styled
from ldm_tutorial.first_stage import Codebook, nearest_code

LIMIT = 2.0
PALE = 0.72  # how much white is mixed into a cell's colour
HUES = [tuple(int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)) for c in list(COLOURS.values())[:6]]
WANTED = torch.tensor([1.5, 1.5])  # what the decoder would like to get at place 4
ACROSS, UP = (
    (-1.6, -0.7, 0.9, -1.4, 0.2, 1.5, -0.9, 0.4, 1.5),
    (1.1, 1.6, 1.5, -0.1, 0.4, 0.2, -1.4, -1.3, -1.0),
)
PLACES = torch.tensor([ACROSS, UP]).T  # nine vectors, row by row; place 4 is the one that can be moved
START = {
    "vector 4": (0.2, 0.4),
    "code 0": (-1.1, 1.2),
    "code 1": (1.0, 1.0),
    "code 2": (-1.2, -0.7),
    "code 3": (0.3, -1.1),
    "code 4": (1.6, -0.5),
}


def cells(
    panels: Mapping[str, tuple[Tensor, Tensor]], title: str, limit=LIMIT, columns=None, cell=2.6, dot=3.0
) -> Picture:
    """A panel a name, of points (N, 2) and codes (K, 2): who would be exchanged for which code.

    Each cell holds what is nearer to its code (a square) than to any other.
    """
    columns = columns or min(len(panels), 4)
    count = -(-len(panels) // columns)
    with styled():
        figure = Figure((columns * cell, count * (cell + 0.3) + 0.4), layout="constrained")
        axes = figure.subplots(count, columns, squeeze=False).flat
        for axis in axes[len(panels) :]:
            axis.set_visible(False)
        for axis, (name, (points, codes)) in zip(axes, panels.items(), strict=False):
            _plane(axis, name, limit)
            _cells(axis, codes, limit)
            axis.scatter(*points.T.tolist(), s=dot, color=INK, linewidths=0, alpha=0.6)
            _codes(axis, codes, numbered=False)
        figure.suptitle(textwrap.fill(title, int(columns * cell * 9)), x=0, ha="left", fontsize=15)
    return picture(figure, title)


def quantised(points: Mapping[str, tuple[float, float]]) -> tuple[Codebook, Tensor, Tensor, Tensor]:
    """The package's codebook on the nine vectors, one of them and the codes where `points` says.

    Returns the codebook, z (1, 2, 3, 3), code indices (3, 3) and the gradient of |code - WANTED|^2 at place 4
    as it arrives at z, (2,).
    """
    vectors = PLACES.clone()
    vectors[4] = torch.tensor(points["vector 4"])
    codebook = Codebook(len(points) - 1, 2)
    with torch.no_grad():
        codebook.weight.copy_(torch.tensor([points[f"code {k}"] for k in range(len(points) - 1)]))
    z = vectors.T.reshape(1, 2, 3, 3).contiguous().requires_grad_()
    out = codebook(z)
    (out.z[0, :, 1, 1] - WANTED).square().sum().backward()
    return codebook, z.detach(), out.codes[0], z.grad[0, :, 1, 1]


def six_steps(points: Mapping[str, tuple[float, float]]) -> Picture:
    """The six steps, on the nine vectors of which number 4 and the codes stand where `points` says."""
    codebook, z, codes, gradient = quantised(points)
    e, flat = codebook.weight.detach(), codes.flatten().tolist()
    vectors = z[0].flatten(1).T
    with styled():
        figure = Figure((9.0, 6.5), layout="constrained")
        axes = figure.subplots(2, 3).flat
        _map(axes[0], "1 reshape: a vector a place", vectors)
        _plane(axes[1], "2 distances of vector 4")
        for k, code in enumerate(e):
            far = (vectors[4] - code).norm().item()
            _line(axes[1], vectors[4], code, HUES[k], 1.4)
            middle = ((vectors[4] + 2 * code) / 3).tolist()
            axes[1].annotate(f"{far:.1f}", middle, fontsize=10, ha="center", va="center", bbox=_BOX)
        for panel, title in ((2, "3 argmin: whose cell?"), (3, "4 look-up: it becomes the code")):
            _plane(axes[panel], title)
            _cells(axes[panel], e)
            for i, k in enumerate(flat):
                if panel == 3:
                    _line(axes[panel], vectors[i], e[k], INK, 1.2)
        for panel in (1, 2, 3, 5):
            if panel == 5:
                _plane(axes[5], "6 the gradient is copied")
                _cells(axes[5], e)
            _codes(axes[panel], e)
            if panel < 5:
                _numbered(axes[panel], vectors)
        _map(axes[4], "5 reshape: back to a map", e[codes.flatten()], flat)
        _pull(axes[5], vectors[4], e[flat[4]], gradient)
    return picture(figure, f"The six steps; vector 4 becomes code {flat[4]}")


_BOX = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8}


def _plane(axis, title, limit=LIMIT):
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[], aspect="equal")
    axis.spines[:].set(visible=True, color="#c4c4c4", linewidth=0.8)
    axis.set_title(title, fontsize=12.5, color=INK, pad=4)


def _cells(axis, codes, limit=LIMIT, size=140):
    """The plane, each of size x size dots in the pale colour of the code that is nearest."""
    line = torch.linspace(-limit, limit, size)
    spots = torch.cartesian_prod(line, line)  # across first: transposed, rows are heights
    nearest = nearest_code(spots, codes.float()).view(size, size).T
    hues = torch.tensor([HUES[k % len(HUES)] for k in range(len(codes))])
    axis.imshow(
        (PALE + (1 - PALE) * hues[nearest]).numpy(),
        extent=(-limit, limit, -limit, limit),
        origin="lower",
        interpolation="nearest",
    )


def _codes(axis, codes, numbered=True):
    for k, code in enumerate(codes.tolist()):
        size, edge = (11, "white") if numbered else (5, INK)
        axis.plot(*code, "s", color=HUES[k % len(HUES)], markersize=size, markeredgecolor=edge)
        if numbered:
            axis.annotate(str(k), code, fontsize=9, color="white", ha="center", va="center", weight="bold")


def _numbered(axis, vectors):
    for i, at in enumerate(vectors.tolist()):
        size = 8 if i == 4 else 5
        axis.plot(*at, "o", color=INK, markersize=size, markerfacecolor=INK if i == 4 else "white")
        axis.annotate(str(i), at, (5, 3), textcoords="offset points", fontsize=9)


def _map(axis, title, vectors, codes=None):
    """Three rows of three arrows, on the colours of their codes where these are known."""
    axis.set(xlim=(0, 3), ylim=(3, 0), xticks=[], yticks=[], aspect="equal")
    axis.set_title(title, fontsize=12.5, color=INK, pad=4)
    axis.spines[:].set(visible=True, color="#c4c4c4", linewidth=0.8)
    for i, (x, y) in enumerate((vectors * 0.26).tolist()):
        row, column = divmod(i, 3)
        if codes is not None:
            pale = [PALE + (1 - PALE) * hue for hue in HUES[codes[i] % len(HUES)]]
            axis.fill_between([column, column + 1], row, row + 1, color=pale, linewidth=0)
        axis.annotate(  # downwards is larger here, so that an arrow up must be drawn to smaller y
            "",
            (column + 0.5 + x, row + 0.5 - y),
            (column + 0.5, row + 0.5),
            arrowprops={
                "arrowstyle": "-|>,head_length=0.5,head_width=0.25",  # short, for vectors near 0
                "color": INK,
                "shrinkA": 0,
                "shrinkB": 0,
                "mutation_scale": 9,
            },
        )
        label = str(i) if codes is None else f"code {codes[i]}"
        axis.text(column + 0.06, row + 0.05, label, fontsize=9, va="top")
    for at in (1, 2):
        axis.axhline(at, color="#c4c4c4", linewidth=0.8)
        axis.axvline(at, color="#c4c4c4", linewidth=0.8)


def _pull(axis, vector, code, gradient):
    """Where descent moves the code, if it could, and the same arrow at the vector, which really moves."""
    axis.plot(*WANTED.tolist(), "*", color=INK, markersize=13)
    axis.annotate(
        "wanted", WANTED.tolist(), (0, 8), textcoords="offset points", fontsize=9, ha="center", bbox=_BOX
    )
    _line(axis, vector, code, INK, 1.0, ":")
    step = -0.4 * gradient
    for start, hue in ((code, "#888888"), (vector, INK)):
        axis.annotate(
            "",
            (start + step).tolist(),
            start.tolist(),
            arrowprops={"arrowstyle": "-|>", "color": hue, "shrinkA": 0, "shrinkB": 0, "linewidth": 2.2},
        )
    axis.plot(*vector.tolist(), "o", color=INK, markersize=7)


def _line(axis, start, end, colour, width, style="-"):
    axis.plot(*zip(start.tolist(), end.tolist(), strict=True), style, color=colour, linewidth=width)
