"""`make demo`: everything the bundled weights can do, in one figure and one table, without a network."""

import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from ldm_tutorial.data import open_images, to_float, to_uint8
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics import attribute_accuracy, psnr
from ldm_tutorial.training import load_checkpoint
from ldm_tutorial.training.atomic import atomic_file

PORTRAITS, COLUMNS = 16, 8
MEASURED = 64  # reconstructions behind the PSNR; the figure shows the first eight
FACES = (  # what is asked of the first row of faces; the second row asks for nothing
    ("Smiling", "Blond_Hair"),
    ("Eyeglasses",),
    ("Male", "Black_Hair"),
    ("Wearing_Hat",),
    ("Heavy_Makeup",),
    ("Male", "Goatee"),
    ("Bangs", "Brown_Hair"),
    ("Male", "Gray_Hair"),
)


@dataclass(frozen=True)
class Stage:
    """A row of the table. `right` of `judged` attributes that the captions mention are in the pictures."""

    name: str
    images: int
    seconds: float
    steps: int | None = None
    psnr: float | None = None
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


def run(
    out: Path, steps: int = 50, guidance_scale: float = 3.0, seed: int = 0, say: Callable = print
) -> None:
    """Draw, reconstruct, measure; write the figure to `out` and `say` how it goes and the table.

    Raises FileNotFoundError where the bundled data or a checkpoint is missing.
    """
    say("loading the models")
    peeps, celeba = load_checkpoint("peeps-ldm"), load_checkpoint("celeba64-ldm")
    autoencoder, classifier = load_checkpoint("peeps-kl-f4"), load_checkpoint("peeps-attributes")

    valid = open_images("peeps", "valid")
    columns = {key: valid.values(key) for key in ("caption", "attributes", "mentions")}
    rows = legible(columns["caption"], columns["mentions"], PORTRAITS)
    captions, attributes, mentions = ([values[row] for row in rows] for values in columns.values())
    chosen = max(range(len(rows)), key=lambda i: len(mentions[i]))
    sampling = {"steps": steps, "guidance_scale": guidance_scale, "seed": seed}

    say(f"drawing {len(captions)} portraits from captions, {steps} steps")
    began = time.time()
    portraits, denoising, timesteps = watched(peeps, captions, chosen, **sampling)
    seconds = time.time() - began
    counts = attribute_accuracy(classifier, portraits, attributes, mentions).kinds.values()
    right, judged = (sum(column) for column in zip(*counts, strict=True))
    stages = [Stage("portraits from captions", len(portraits), seconds, steps, right=right, judged=judged)]

    say(f"drawing {2 * COLUMNS} faces, {steps} steps")
    began = time.time()
    faces, wishes = draw_faces(celeba, **sampling)
    stages.append(Stage("faces", len(faces), time.time() - began, steps))

    say(f"reconstructing {MEASURED} portraits that were held out of training")
    originals = to_float(open_images("peeps", "holdout", limit=MEASURED).pixels())
    began = time.time()
    with torch.no_grad():
        latents = autoencoder.encode(originals)
        copies = autoencoder.decode(latents).clamp(-1, 1)
    seconds = time.time() - began
    quality = psnr(copies, originals).mean().item()
    stages.append(Stage("reconstructions", len(copies), seconds, psnr=quality))

    compression = originals.numel() / latents.numel()
    pictures = Pictures(
        portraits, captions, chosen, denoising, timesteps, faces, wishes, originals, copies, compression
    )
    figure = draw_figure(pictures, stages, f"{steps} DDIM steps, guidance {guidance_scale:g}, seed {seed}")
    with atomic_file(out) as temporary:
        figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})
    say("\n" + table(stages))
    say(f"\nattributes: those that the {len(captions)} captions mention, as a classifier reads them off the")
    say("pictures. So few pictures make a rough figure: ldm evaluate peeps-ldm takes 500 captions.")
    say(f"\nthe figure is in {out}")


def legible(captions: Sequence[str], mentions: Sequence[Sequence[str]], n: int) -> list[int]:
    """n captions short enough to be printed, that mention at least two things, from short to long."""
    fit = [i for i, caption in enumerate(captions) if len(caption) <= 76 and len(mentions[i]) >= 2]
    fit.sort(key=lambda i: (len(captions[i]), i))
    return [fit[(2 * k + 1) * len(fit) // (2 * n)] for k in range(n)]


def watched(model: LatentDiffusion, captions: list[str], chosen: int, **sampling):
    """Pictures (N, 3, H, W), and of the chosen one x0 as predicted at eight timesteps, with these."""
    seen, t = [], model.schedule.T - 1
    for state in model.stream(captions, **sampling):
        seen.append((t, state.x0[chosen]))
        t = state.t
    last = len(seen) - 1
    kept = [seen[round(k * last / (COLUMNS - 1))] for k in range(COLUMNS)]
    strip = model.decode(torch.stack([x0 for _, x0 in kept]))
    return model.decode(state.z), strip, [t for t, _ in kept]


def draw_faces(model: LatentDiffusion, seed: int, **sampling) -> tuple[Tensor, list[str]]:
    """A row of faces with those attributes of FACES that the model knows, a row without; their labels."""
    known = set() if model.conditioner is None else set(model.conditioner.config.names)
    asked = [dict.fromkeys((name for name in wish if name in known), True) for wish in FACES]
    wishes = None if model.conditioner is None else [*asked, *({} for _ in FACES)]
    images = model.sample(wishes, n=2 * len(FACES), seed=seed, **sampling)
    labels = [", ".join(name.replace("_", " ").lower() for name in wish) for wish in asked]
    return images, [*labels, *("" for _ in FACES)]


def table(stages: list[Stage]) -> str:
    rows = [("stage", "images", "steps", "seconds", "images/s", "PSNR", "attributes right")]
    for s in stages:
        quality = f"{s.psnr:.1f} dB" if s.psnr is not None else ""
        share = f"{s.right / s.judged:.0%} (N = {s.judged})" if s.judged else ""
        rate = f"{s.images / s.seconds:.1f}"
        rows.append((s.name, str(s.images), str(s.steps or ""), f"{s.seconds:.1f}", rate, quality, share))
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
