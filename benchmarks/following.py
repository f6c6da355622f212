"""Whether pictures follow a map or edges: peeps-map and peeps-edges, w = 2, beside peeps-ldm.

Drawn as the first 250 valid portraits ask for: with their captions, with their semantic maps or edges, or
with both. `edges met` is the share of an original's edge pixels where the picture has an edge too, `edges
right` the share of the picture's edge pixels where the original has one; edges are where the Sobel gradient
is above 0.25. Accuracy and distances are those of the section on guidance. `copies` are the originals
through the first stage, about the best that a picture drawn through it can do; `others` each original's
neighbour in the file.
DPM-Solver++(2M), 15 steps, seeds 0 to 249.
"""

from torch import Tensor

from benchmarks.drawing import BATCH, SAMPLING, SIZE, cells, judged, judges, loaded
from benchmarks.experiments import kept
from ldm_tutorial.commands.distances import drawn_pictures, recorded
from ldm_tutorial.commands.reconstruct import reconstruct
from ldm_tutorial.conditioning import edges_of
from ldm_tutorial.data import ImageSet, open_images, to_float, to_uint8
from ldm_tutorial.training import load_checkpoint, wishes_of
from ldm_tutorial.training.latent_cache import module_fingerprint

N, SCALE = 250, 2.0
GIVEN = {
    "peeps-ldm": ("caption",),
    "peeps-map": ("caption and map", "map"),
    "peeps-edges": ("caption and edges", "edges"),
}
MEASURES = ("edges met", "edges right", "accuracy", "FD-lite0", "KD-lite0", "precision", "recall")
HEADER = ["model", "given", *MEASURES, "N"]


def table(rounds: int) -> list[list[str]]:  # noqa: ARG001 (nothing is timed)
    images = open_images("peeps", "valid", SIZE, limit=N)
    rows = [
        [name, given, *cells(row(name, given, images), MEASURES), str(len(images))]
        for name, asked in GIVEN.items()
        for given in asked
    ]
    originals = to_float(images.pixels())
    copies = met(reconstruct(load_checkpoint("peeps-kl-f4"), originals), images)
    compared = {"copies": copies, "others": met(originals.roll(1, 0), images)}
    nothing = [""] * (len(MEASURES) - 2)
    for name, found in compared.items():
        rows.append([name, "", *cells(found, MEASURES[:2]), *nothing, str(len(images))])
    return rows


def row(name: str, given: str, images: ImageSet) -> dict:
    """The measures of one model that is given some of what it reads."""
    model, sampling = loaded(name), SAMPLING | {"guidance_scale": SCALE}
    asked = wishes_of(model, images)
    if isinstance(asked[0], dict):
        asked = [{part: wish[part] for part in wish if part in given} for wish in asked]

    def measure() -> dict:
        pictures = drawn_pictures(model, asked, len(images), BATCH, sampling)
        return met(pictures, images) | judged(pictures, images, to_uint8(pictures))

    of = recorded(model, sampling) | {"weights": module_fingerprint(model), "images": images.fingerprint}
    return kept(of | {"given": given} | judges(distances=True), measure)


def met(pictures: Tensor, images: ImageSet) -> dict:
    """How well the edges of pictures (N, 3, H, W) in [-1, 1] are those of as many images."""
    drawn, wanted = (edges_of(pixels) > 0 for pixels in (to_uint8(pictures), images.pixels()))
    both = float((drawn & wanted).sum())
    return {"edges met": both / float(wanted.sum()), "edges right": both / float(drawn.sum())}
