"""How much of an image each bundled first stage keeps, and in how many numbers.

Means over the first 500 validation images of the data it was trained on. Rows of CelebA are missing where its
images are: they may not be bundled, and are looked for in ../shared/data.
"""

from pathlib import Path

from torch import nn

from ldm_tutorial.commands.measure import reconstruction
from ldm_tutorial.data import ImageSet, bundled, open_images
from ldm_tutorial.first_stage import KLAutoencoder, PlainAutoencoder, VQAutoencoder
from ldm_tutorial.training import load_checkpoint

HEADER = [
    "first stage",
    "f",
    "latent",
    "numbers an image",
    "PSNR, dB",
    "SSIM",
    "perceptual distance",
    "codes used",
    "perplexity",
]
IMAGES, SIZE = 500, 64
CELEBA = Path(__file__).parents[2] / "shared" / "data" / "celeba64"


def table(rounds: int) -> list[list[str]]:  # noqa: ARG001 (nothing is timed)
    stages = {p.parent.name: load_checkpoint(p.parent) for p in bundled("checkpoints").glob("*/config.json")}
    stages = {n: s for n, s in stages.items() if isinstance(s, KLAutoencoder | PlainAutoencoder)}
    rows = [row(name, stage, images) for name, stage in stages.items() if (images := images_of(name))]
    return sorted(rows, key=lambda cells: (cells[0].split("-")[0] == "celeba64", int(cells[1]), cells[0]))


def images_of(name: str) -> ImageSet | None:
    """Validation images of the data that a checkpoint's name begins with; None where they are not here."""
    source = CELEBA if name.startswith("celeba64") else "peeps"
    if source is CELEBA and not CELEBA.exists():
        return None
    return open_images(str(source), "valid", SIZE, limit=IMAGES)


def row(name: str, stage: nn.Module, images: ImageSet) -> list[str]:
    measured = reconstruction(stage, images)
    side = SIZE // stage.downsampling
    latent = f"{side}x{side}x{stage.latent_channels}"
    if isinstance(stage, VQAutoencoder):
        numbers = f"{side**2} codes of {stage.config.codes}"
        codes = [f"{measured['code_usage']:.0%}", f"{measured['code_perplexity']:.0f}"]
    else:
        numbers, codes = str(side**2 * stage.latent_channels), ["", ""]
    perceptual = f"{measured['perceptual']:.3f}" if "perceptual" in measured else ""
    quality = [f"{measured['psnr']:.2f}", f"{measured['ssim']:.3f}", perceptual]
    return [name, str(stage.downsampling), latent, numbers, *quality, *codes]
