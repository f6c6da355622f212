"""`make demo`: everything the bundled weights can do, in one figure and one table, without a network."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ldm_tutorial.data import ImageSet, bundled, open_images, to_float
from ldm_tutorial.demo.report import COLUMNS, Pictures, Stage, draw_figure, table
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics import Lite0Features, attribute_accuracy, extract, kernel_distance, psnr
from ldm_tutorial.metrics.kernel import KernelDistance
from ldm_tutorial.training import load_checkpoint
from ldm_tutorial.training.atomic import atomic_file

PORTRAITS = 16
MEASURED = 64  # reconstructions behind the PSNR; the figure shows the first eight
REFERENCE = 200  # real images to which the distance of drawn ones is measured
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
    portraits_drawn = len(portraits), seconds, steps

    say(f"drawing {2 * COLUMNS} faces, {steps} steps")
    began = time.time()
    faces, wishes = draw_faces(celeba, **sampling)
    faces_drawn = len(faces), time.time() - began, steps

    say(f"reconstructing {MEASURED} portraits that were held out of training")
    originals = to_float(open_images("peeps", "holdout", limit=MEASURED).pixels())
    began = time.time()
    with torch.no_grad():
        latents = autoencoder.encode(originals)
        copies = autoencoder.decode(latents).clamp(-1, 1)
    seconds = time.time() - began
    quality = psnr(copies, originals).mean().item()

    say("measuring how far these are from real ones")
    network = Lite0Features()
    drawn = distance(network, portraits, open_images("peeps", "valid", limit=REFERENCE))
    copied = distance(network, copies, originals)
    stages = [
        Stage("portraits from captions", *portraits_drawn, distance=drawn, right=right, judged=judged),
        Stage("faces", *faces_drawn, distance=distance_of_faces(network, faces)),
        Stage("reconstructions", len(copies), seconds, psnr=quality, distance=copied),
    ]

    compression = originals.numel() / latents.numel()
    pictures = Pictures(
        portraits, captions, chosen, denoising, timesteps, faces, wishes, originals, copies, compression
    )
    figure = draw_figure(pictures, stages, f"{steps} DDIM steps, guidance {guidance_scale:g}, seed {seed}")
    with atomic_file(out) as temporary:
        figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})
    say("\n" + table(stages))
    say(f"\nattributes: those that the {len(captions)} captions mention, as a classifier reads them off the")
    say("pictures. KD-lite0: kernel distance in features of EfficientNet-Lite0 to the first")
    say(f"{REFERENCE} validation images, of reconstructions to their originals: 0 for pictures like the")
    say("real ones, with its standard error. It has no bias when pictures are few, as Frechet's has.")
    say("So few make rough figures all the same: ldm evaluate peeps-ldm takes 500 captions.")
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


def distance(network: Lite0Features, images: Tensor, reference: Tensor | ImageSet) -> KernelDistance:
    features = (extract(network, each, progress=False)["pooled"] for each in (images, reference))
    return kernel_distance(*features)


def distance_of_faces(network: Lite0Features, faces: Tensor) -> KernelDistance | None:
    """The distance to photographs of which the features are bundled; None where they are not there."""
    if not features_of_faces().exists():
        return None
    with safe_open(features_of_faces(), "pt") as file:
        real = file.get_tensor("features")
    return kernel_distance(extract(network, faces, progress=False)["pooled"], real)


def features_of_faces() -> Path:
    """Where benchmarks/face_features.py keeps them: photographs themselves may not be bundled."""
    return bundled("checkpoints") / "celeba64-ldm" / "lite0-features.safetensors"
