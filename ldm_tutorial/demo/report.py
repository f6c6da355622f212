"""What `make demo` shows: a table of what was measured, and one figure of everything that was drawn."""

import textwrap
from dataclasses import dataclass

from matplotlib.figure import Figure
from torch import Tensor

from ldm_tutorial.data import to_uint8
from ldm_tutorial.metrics.kernel import KernelDistance

COLUMNS = 8


@dataclass(frozen=True)
class Stage:
    """A row of the table. `right` of `judged` attributes that the captions mention are in the pictures.

    distance: of portraits and faces to the first 200 of the validation split, of reconstructions to their
    originals.
    """

    name: str
    images: int
    seconds: float
    steps: int | None = None
    psnr: float | None = None
    distance: KernelDistance | None = None
    right: int | None = None
    judged: int | None = None


@dataclass(frozen=True)
class Pictures:
    """What the figure shows; images are (N, 3, H, W) in [-1, 1]."""

    portraits: Tensor
    captions: list[str]
    chosen: int  # the portrait that is shown while it is denoised
    denoising: Tensor
    timesteps: list[int]
    faces: Tensor
    wishes: list[str]
    originals: Tensor
    reconstructions: Tensor
    compression: float  # numbers in an image for each number in its latent


def table(stages: list[Stage]) -> str:
    rows = [("stage", "images", "steps", "seconds", "images/s", "PSNR", "KD-lite0", "attributes right")]
    for s in stages:
        quality = f"{s.psnr:.1f} dB" if s.psnr is not None else ""
        far = f"{s.distance.value:.3f} ± {s.distance.standard_error:.3f}" if s.distance else ""
        share = f"{s.right / s.judged:.0%} (N = {s.judged})" if s.judged else ""
        rate = f"{s.images / s.seconds:.1f}"
        rows.append(
            (s.name, str(s.images), str(s.steps or ""), f"{s.seconds:.1f}", rate, quality, far, share)
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *cells in rows:
        numbers = (f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
        lines.append(f"{name:{widths[0]}}  " + "  ".join(numbers))
    return "\n".join(line.rstrip() for line in [lines[0], "-" * len(lines[0]), *lines[1:]])


class Page:
    """A white page, 16 inches wide, on which things are placed in inches from its top left corner."""

    width, margin = 16.0, 0.3

    def __init__(self, height: float):
        self.height = height
        self.figure = Figure((self.width, height), facecolor="white")

    def image(self, image: Tensor, x: float, y: float, side: float) -> None:
        box = (x / self.width, 1 - (y + side) / self.height, side / self.width, side / self.height)
        axes = self.figure.add_axes(box, xticks=[], yticks=[])
        axes.spines[:].set(color="#cccccc", linewidth=0.6)  # some pictures are as white as the page
        axes.imshow(to_uint8(image.detach()).permute(1, 2, 0).numpy(), interpolation="nearest")

    def text(self, words: str, x: float, y: float, size: float, colour: str = "#222222", **options) -> None:
        place = (x / self.width, 1 - y / self.height)
        options = {"va": "top", "family": "DejaVu Sans", "linespacing": 1.15} | options
        self.figure.text(*place, words, fontsize=size, color=colour, **options)

    def row(self, images: Tensor, x: float, y: float, step: float, gap: float, labels=(), size=11) -> None:
        """Images side by side, `step` inches apart with `gap` inches between, each label below its own."""
        side = step - gap
        for i, image in enumerate(images):
            self.image(image, x + i * step, y, side)
        for i, label in enumerate(labels):
            wrapped = textwrap.fill(label, int(side * 150 / size) - 3)
            self.text(wrapped, x + i * step + side / 2, y + side + 0.06, size, ha="center")


def draw_figure(p: Pictures, stages: list[Stage], how: str) -> Figure:
    portraits, _, copies = stages
    page = Page(height=13.9)
    left, middle = page.margin, page.width / 2 + 0.15
    big = (page.width - 2 * page.margin + 0.12) / COLUMNS  # eight over the whole page
    small = (page.width / 2 - page.margin - 0.15 + 0.06) / COLUMNS  # eight over half of it
    grey = "#666666"

    page.text("Latent diffusion with the bundled weights", left, 0.3, 22, weight="bold")
    page.text(how, page.width - left, 0.45, 12, grey, ha="right")

    share = f"{portraits.right} of {portraits.judged} attributes that they mention are there"
    page.text(f"Portraits drawn from captions: {share}", left, 1.05, 15)
    page.row(p.portraits[:COLUMNS], left, 1.45, big, 0.12, p.captions[:COLUMNS])
    page.row(p.portraits[COLUMNS:], left, 4.3, big, 0.12, p.captions[COLUMNS:])

    page.text("How one of them came out of noise: what the network takes the picture to be", left, 7.4, 15)
    page.text(f"“{p.captions[p.chosen]}”", left, 7.76, 11, grey)
    page.row(p.denoising, left, 8.06, big, 0.12, [f"t = {t}" for t in p.timesteps])

    page.text("Faces of nobody: above with a wish, below without", left, 10.6, 15)
    page.row(p.faces[:COLUMNS], left, 11.0, small, 0.06, p.wishes[:COLUMNS], size=9.5)
    page.row(p.faces[COLUMNS:], left, 12.4, small, 0.06)

    kept = f"Held-out portraits, and what {p.compression:.0f} times fewer numbers keep of them"
    page.text(kept, middle, 10.6, 15)
    page.row(p.originals[:COLUMNS], middle, 11.0, small, 0.06)
    page.row(p.reconstructions[:COLUMNS], middle, 12.4, small, 0.06)
    centre = middle + (COLUMNS * small - 0.06) / 2
    page.text("originals", centre, 11.96, 11, ha="center")
    note = f"reconstructions, PSNR {copies.psnr:.1f} dB over {copies.images} portraits"
    page.text(note, centre, 13.36, 11, ha="center")
    return page.figure
