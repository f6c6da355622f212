"""A U-Net drawn as the U that it is (lesson 05)."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ldm_tutorial.classroom.style import COLOURS, Picture, picture, styled
from ldm_tutorial.unet import BlockCount

WIDTH, HEIGHT, STEP, SPAN = 2.6, 0.62, 0.55, 9.6
PALE = {"down": "#d6e8f4", "middle": "#f8dfcf", "up": "#d3ede4"}


def draw_u(blocks: Sequence[BlockCount], title: str) -> Picture:
    """Levels as boxes with their shapes, the way down on the left; each skip connection as an arrow."""
    shapes, counts = _levels(blocks)
    last = sum(name.startswith("down") for name in shapes) - 1
    with styled():
        figure = Figure((9.6, 1.5 + 0.95 * (last + 2)), layout="constrained")
        axis = figure.subplots()
        axis.axis("off")
        for level in range(last + 1):
            y, left = -1.1 * level, STEP * level
            right = SPAN - WIDTH - left
            up = f"up {last - level}"
            for x, name in ((left, f"down {level}"), (right, up)):
                _box(axis, x, y, name, shapes[name], counts[name])
            for i in range(counts[up]):
                at = y + HEIGHT * ((i + 1) / (counts[up] + 1) - 0.5)
                _arrow(axis, (left + WIDTH, at), (right, at), COLOURS["orange"])
            if level < last:
                _arrow(axis, (left + WIDTH / 2, y - HEIGHT / 2), (left + WIDTH / 2, y - 1.1 + HEIGHT / 2))
                _arrow(axis, (right + WIDTH / 2, y - 1.1 + HEIGHT / 2), (right + WIDTH / 2, y - HEIGHT / 2))
        bottom, x = -1.1 * (last + 1), (SPAN - WIDTH) / 2
        _box(axis, x, bottom, "middle", shapes["middle"], counts["middle"])
        edge, y = STEP * last + WIDTH / 2, bottom + 1.1 - HEIGHT / 2
        _arrow(axis, (edge, y), (x, bottom))
        _arrow(axis, (x + WIDTH, bottom), (SPAN - edge, y))
        for x, said, way in ((WIDTH / 2, "noisy latent", -1), (SPAN - WIDTH / 2, "answer", 1)):
            ends = [(x, HEIGHT / 2), (x, HEIGHT / 2 + 0.35)]
            _arrow(axis, *ends[::way])
            axis.text(x, HEIGHT / 2 + 0.4, said, ha="center", va="bottom")
        axis.text(SPAN / 2, HEIGHT / 2 + 0.1, "skip connections", ha="center", color="#9a6a00")
        axis.set(xlim=(-0.1, SPAN + 0.1), ylim=(bottom - HEIGHT, HEIGHT + 0.5))
        axis.set_title(title, loc="left")
    return picture(figure, title)


def _levels(blocks):
    """Of each place the shape of its residual blocks' output, and how many they are."""
    shapes, counts = {}, {}
    for block in blocks:
        place, *rest = block.name.replace(".", " ").split()
        if rest and rest[-1] == "residual":
            name = place if place == "middle" else f"{place} {rest[0]}"
            shapes[name] = block.shape
            counts[name] = counts.get(name, 0) + 1
    return shapes, counts


def _box(axis: Axes, x, y, name, shape, count):
    axis.add_patch(
        Rectangle((x, y - HEIGHT / 2), WIDTH, HEIGHT, facecolor=PALE[name.split()[0]], edgecolor="#666666")
    )
    size = " x ".join(map(str, shape))
    said = f"{name}: {size}\n{count} residual block{'s' if count > 1 else ''}"
    axis.text(x + WIDTH / 2, y, said, ha="center", va="center", fontsize=11)


def _arrow(axis: Axes, start, end, colour="#444444"):
    axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 1.6})
