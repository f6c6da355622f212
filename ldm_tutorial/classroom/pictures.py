"""Grids, rows and strips of images, with captions that can be read from the back of the hall."""

import textwrap
from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure

from ldm_tutorial.classroom.style import Picture, picture, styled
from ldm_tutorial.data import to_uint8

CELL = 1.5  # inches: a 64-pixel image is shown at 150 pixels, with the pixels kept sharp
CAPTION_SIZE = 10.5
CHARACTERS = 11  # of a caption that fit an inch
LINE = 0.19  # inches that one line of a caption takes


def grid(images, captions=None, columns=None, title="", cell=CELL) -> Picture:
    """Images in reading order, each with its caption below.

    images: (N, 3, H, W) float in [-1, 1] or uint8, or a list of (3, H, W); captions: N strings.
    """
    images = _list(images)
    captions = _labels(captions, len(images), "captions")
    columns = columns or min(len(images), 6)
    wrapped = [textwrap.fill(str(c), max(9, int(cell * CHARACTERS))) for c in captions]
    lines = max((w.count("\n") + 1 for w in wrapped if w), default=0)
    count = -(-len(images) // columns)
    height = cell + lines * LINE + 0.08
    with styled():
        figure = Figure((columns * (cell + 0.1), count * height + (0.5 if title else 0)))
        # Room for a caption lies between the rows; hspace counts in units of one image.
        axes = figure.subplots(count, columns, squeeze=False)
        head = 0.5 / figure.get_figheight() if title else 0
        figure.subplots_adjust(
            0, lines * LINE / figure.get_figheight(), 1, 1 - head, 0.06, (height - cell) / cell
        )
        for axis in axes.flat:
            _bare(axis)
        for axis in axes.flat[len(images) :]:
            axis.set_visible(False)
        for axis, image, caption in zip(axes.flat, images, wrapped, strict=False):
            _draw(axis, image)
            axis.text(
                0.5, -0.04, caption, transform=axis.transAxes, ha="center", va="top", fontsize=CAPTION_SIZE
            )
        _headline(figure, title)
    return picture(figure, title or f"{len(images)} images")


def rows(named: Mapping[str, Sequence], title="", captions=None, cell=CELL) -> Picture:
    """One row of images per name, aligned for comparison: `rows({"original": x, "reconstruction": y})`.

    Every row holds the same number of images; captions stand below the last row.
    """
    table = {name: _list(images) for name, images in named.items()}
    columns = len(next(iter(table.values())))
    if any(len(images) != columns for images in table.values()):
        counts = {name: len(images) for name, images in table.items()}
        raise ValueError(f"rows needs the same number of images in every row, but got {counts}")
    captions = _labels(captions, columns, "captions")
    wrapped = [textwrap.fill(str(c), max(9, int(cell * CHARACTERS))) for c in captions]
    lines = max((w.count("\n") + 1 for w in wrapped if w), default=0)
    with styled():
        figure = Figure(
            (columns * (cell + 0.1), len(table) * (cell + 0.1) + lines * LINE + (0.5 if title else 0))
        )
        axes = figure.subplots(len(table), columns, squeeze=False)
        head = 0.5 / figure.get_figheight() if title else 0
        figure.subplots_adjust(0, lines * LINE / figure.get_figheight(), 1, 1 - head, 0.06, 0.06)
        for line, (name, images) in zip(axes, table.items(), strict=True):
            for axis, image in zip(line, images, strict=True):
                _bare(axis)
                _draw(axis, image)
            label = textwrap.fill(name, 16)
            line[0].text(-0.08, 0.5, label, transform=line[0].transAxes, ha="right", va="center", fontsize=13)
        for axis, caption in zip(axes[-1], wrapped, strict=True):
            axis.text(
                0.5, -0.04, caption, transform=axis.transAxes, ha="center", va="top", fontsize=CAPTION_SIZE
            )
        _headline(figure, title)
    return picture(figure, title or " / ".join(table))


def strip(images, labels=None, title="", cell=CELL) -> Picture:
    """One row of images in time order, each with its label below (a step, a noise level)."""
    images = _list(images)
    return grid(images, labels, columns=len(images), title=title, cell=cell)


def maps(values: torch.Tensor, labels=None, title="", limit=3.0, cell=CELL) -> Picture:
    """The channels of latents as maps of numbers: blue below zero, white at zero, orange above.

    values: (c, h, w), one map a channel, or (N, c, h, w), one row an image; clipped at `limit`.
    """
    values = values.detach().float().cpu()
    values = values[None] if values.ndim == 3 else values
    if values.ndim != 4:
        raise ValueError(f"maps needs latents (c, h, w) or (N, c, h, w), but got shape {tuple(values.shape)}")
    blue, white, orange = (
        torch.tensor(c) for c in ((0.0, 0.447, 0.698), (1.0, 1.0, 1.0), (0.902, 0.624, 0.0))
    )
    level = (values / limit).clamp(-1, 1)[:, :, None]  # (N, c, 1, h, w)
    end = torch.where(level < 0, blue.view(3, 1, 1), orange.view(3, 1, 1))
    painted = white.view(3, 1, 1) + (end - white.view(3, 1, 1)) * level.abs()
    painted = (painted * 255).round().to(torch.uint8)
    labels = labels or [f"channel {c}" for c in range(values.shape[1])] * values.shape[0]
    return grid(painted.flatten(0, 1), labels, columns=values.shape[1], title=title, cell=cell)


def _list(images):
    images = list(images)
    if not images:
        raise ValueError("there is no image to draw: the list is empty")
    for image in images:
        if not isinstance(image, torch.Tensor) or image.ndim != 3 or image.shape[0] != 3:
            got = tuple(image.shape) if isinstance(image, torch.Tensor) else type(image).__name__
            raise ValueError(f"pictures are drawn from tensors of shape (3, H, W), but got {got}")
    return images


def _labels(labels, count, what):
    labels = [""] * count if labels is None else list(labels)
    if len(labels) != count:
        raise ValueError(f"{what} has {len(labels)} entries for {count} images")
    return labels


def _bare(axis):
    """No ticks, and a hairline frame: without it a white background has no edge on a white page."""
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set(visible=True, color="#cccccc", linewidth=0.8)


def _draw(axis, image):
    image = image.detach().cpu()
    pixels = image if image.dtype == torch.uint8 else to_uint8(image.float())
    # Small images keep their pixels; large ones are smoothed down to the screen.
    filtering = "nearest" if pixels.shape[-1] <= 128 else "antialiased"
    axis.imshow(pixels.permute(1, 2, 0).numpy(), interpolation=filtering)


def _headline(figure, title):
    if title:
        width = int(figure.get_figwidth() * 8.2)
        figure.suptitle(textwrap.fill(title, width), x=0, y=1, ha="left", va="top", fontsize=15)
