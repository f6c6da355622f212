"""Grids, rows and strips of images, with captions that can be read from the back of the hall."""

import textwrap
from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure

from ldm_tutorial.classroom.style import Picture, picture, styled
from ldm_tutorial.data import to_uint8

CELL = 1.28  # inches: a 64-pixel image is shown at 128 pixels, each of its own as 2 x 2
GAP = 0.1
CAPTION_SIZE = 10.5
CAPTION_LINE = 0.19  # inches that one line of a caption takes
CAPTION_CHARACTERS = 11  # of a caption that fit an inch
TITLE_SIZE = 15
TITLE_LINE = 0.26
TITLE_CHARACTERS = 9


def grid(images, captions=None, columns=None, title="", cell=CELL) -> Picture:
    """Images in reading order, each with its caption below.

    images: (N, 3, H, W) float in [-1, 1] or uint8, or a list of (3, H, W); captions: N strings.
    """
    images = _list(images)
    captions, lines = _wrapped(captions, len(images), cell)
    columns = columns or min(len(images), 6)
    count = -(-len(images) // columns)
    below = lines * CAPTION_LINE + GAP
    with styled():
        figure, axes = _page(count, columns, cell, below, lines * CAPTION_LINE, title)
        for axis in axes.flat[len(images) :]:
            axis.set_visible(False)
        for axis, image, caption in zip(axes.flat, images, captions, strict=False):
            _draw(axis, image, caption)
    return picture(figure, title or f"{len(images)} images")


def rows(named: Mapping[str, Sequence], captions=None, title="", cell=CELL) -> Picture:
    """One row of images per name, aligned for comparison: `rows({"original": x, "reconstruction": y})`.

    Every row holds the same number of images, None where a place is to stay empty; captions stand below the
    last row.
    """
    table = {name: list(images) for name, images in named.items()}
    _list(image for images in table.values() for image in images if image is not None)
    columns = len(next(iter(table.values())))
    if any(len(images) != columns for images in table.values()):
        counts = {name: len(images) for name, images in table.items()}
        raise ValueError(f"rows needs the same number of images in every row, but got {counts}")
    captions, lines = _wrapped(captions, columns, cell)
    with styled():
        figure, axes = _page(len(table), columns, cell, GAP, lines * CAPTION_LINE, title)
        last = list(table)[-1]
        for line, (name, images) in zip(axes, table.items(), strict=True):
            told = captions if name == last else [""] * columns
            for axis, image, caption in zip(line, images, told, strict=True):
                if image is None:
                    axis.set_axis_off()
                else:
                    _draw(axis, image, caption)
            label = textwrap.fill(name, 16)
            line[0].text(-0.08, 0.5, label, transform=line[0].transAxes, ha="right", va="center", fontsize=13)
    return picture(figure, title or " / ".join(table))


def strip(images, labels=None, title="", cell=CELL) -> Picture:
    """One row of images in time order, each with its label below (a step, a noise level)."""
    images = _list(images)
    return grid(images, labels, columns=len(images), title=title, cell=cell)


def maps(values: torch.Tensor, labels=None, title="", limit=3.0, cell=CELL, beside=None) -> Picture:
    """The channels of latents as maps of numbers: blue below zero, white at zero, orange above.

    values: (c, h, w), one map a channel, or (N, c, h, w), one row an image; clipped at `limit`. beside: N
        images (3, H, W), each to the left of its row.
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
    if beside is None:
        return grid(painted.flatten(0, 1), labels, columns=values.shape[1], title=title, cell=cell)
    images, told = [], []
    for i, (image, row) in enumerate(zip(beside, painted, strict=True)):
        images += [image, *row]
        told += ["image", *labels[i * len(row) : (i + 1) * len(row)]]
    return grid(images, told, columns=1 + values.shape[1], title=title, cell=cell)


def _list(images):
    images = list(images)
    if not images:
        raise ValueError("there is no image to draw: the list is empty")
    for image in images:
        if not isinstance(image, torch.Tensor) or image.ndim != 3 or image.shape[0] != 3:
            got = tuple(image.shape) if isinstance(image, torch.Tensor) else type(image).__name__
            raise ValueError(f"pictures are drawn from tensors of shape (3, H, W), but got {got}")
    return images


def _wrapped(captions, count, cell):
    """Captions broken into lines that fit below an image, and the largest number of lines."""
    captions = [""] * count if captions is None else list(captions)
    if len(captions) != count:
        raise ValueError(f"captions has {len(captions)} entries for {count} images")
    captions = [textwrap.fill(str(c), max(9, int(cell * CAPTION_CHARACTERS))) for c in captions]
    return captions, max(caption.count("\n") + 1 if caption else 0 for caption in captions)


def _page(count, columns, cell, between, below, title):
    """A figure of count x columns squares, `between` inches apart in height, with a title above them."""
    width = columns * cell + (columns - 1) * GAP
    title = textwrap.fill(title, int(max(width, 3) * TITLE_CHARACTERS))
    head = TITLE_LINE * (title.count("\n") + 1) + 0.12 if title else 0
    height = count * cell + (count - 1) * between + below + head
    figure = Figure((width, height))
    axes = figure.subplots(count, columns, squeeze=False)
    # Matplotlib counts the space between pictures in units of one picture.
    figure.subplots_adjust(0, below / height, 1, 1 - head / height, GAP / cell, between / cell)
    for axis in axes.flat:
        # A hairline frame: without it a white background has no edge on a white page.
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(visible=True, color="#cccccc", linewidth=0.8)
    if title:
        figure.suptitle(title, x=0, y=1, ha="left", va="top", fontsize=TITLE_SIZE)
    return figure, axes


def _draw(axis, image, caption):
    image = image.detach().cpu()
    pixels = image if image.dtype == torch.uint8 else to_uint8(image.float())
    # Small images keep their pixels; large ones are smoothed down to the screen.
    filtering = "nearest" if pixels.shape[-1] <= 128 else "antialiased"
    axis.imshow(pixels.permute(1, 2, 0).numpy(), interpolation=filtering)
    axis.text(0.5, -0.04, caption, transform=axis.transAxes, ha="center", va="top", fontsize=CAPTION_SIZE)
