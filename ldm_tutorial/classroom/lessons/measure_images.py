"""What lesson 10 does to portraits, a second feature network for them, and the search for copies."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_tutorial.data import ImageSet, to_float
from ldm_tutorial.metrics import AttributeClassifier, Features, Labels
from ldm_tutorial.metrics.network import check_pixels, fingerprint

SCALE = 10.0  # the root mean square of the classifier's last layer; a kernel with + 1 wants features near 1


def swapped(x: Tensor, pairs: int, size: int = 16, seed: int = 0) -> Tensor:
    """Images (B, 3, H, W), in each of which so many pairs of patches of `size` pixels have changed places."""
    generator, x = torch.Generator().manual_seed(seed), x.clone()
    across, down = x.shape[-1] // size, x.shape[-2] // size
    if not 0 <= 2 * pairs <= across * down:
        raise ValueError(f"pairs is {pairs}; with patches of {size}, 0 to {across * down // 2} is accepted")
    for image in x:
        patches = F.unfold(image[None], size, stride=size)[0]
        one, other = torch.randperm(across * down, generator=generator)[: 2 * pairs].view(pairs, 2).T
        places = torch.cat([one, other])
        patches[:, places] = patches[:, torch.cat([other, one])]
        image.copy_(F.fold(patches[None], image.shape[1:], size, stride=size)[0])
    return x


def of_modes(images: ImageSet, kind: str, words: Sequence[str], n: int, start: int = 0) -> list[int]:
    """The first n items from `start` on whose attribute `kind` is one of words; ValueError for too few."""
    values = images.values("attributes")
    found = [i for i in range(start, len(images)) if values[i][kind] in words][:n]
    if len(found) < n:
        raise ValueError(f"{len(found)} items have the {kind} {' or '.join(words)}; {n} are needed")
    return found


def one_of_each(images: ImageSet, kind: str) -> list[int]:
    """The first item with each word that the attribute `kind` takes."""
    words = [attributes[kind] for attributes in images.values("attributes")]
    return [words.index(word) for word in dict.fromkeys(words)]


class PeepsFeatures:
    """A small network that knows Peeps and nothing else, as a feature network: uint8 images to Features.

    pooled (B, 192): the last layer before the heads of the attribute classifier, made about 1 large. logits
    (B, 26): its head for hair. Its distances are called FD-peeps and KD-peeps.
    """

    name = "peeps-attributes"
    labels = Labels("FD-peeps", "KD-peeps", "sFD-peeps", "IS-peeps")
    resize = "none, 64 px"

    def __init__(self, classifier: AttributeClassifier):
        self.classifier = classifier.eval()
        self.fingerprint = fingerprint(classifier, self.resize, f"over {SCALE:g}")

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Features:
        check_pixels(images)
        x = to_float(images).to(next(self.classifier.parameters()).device)
        hidden = self.classifier.mix(self.classifier.features(x))
        return Features(hidden / SCALE, logits=self.classifier.heads["hair"](hidden))


def thumbnails(images: Tensor, side: int = 16) -> Tensor:
    """Images (N, 3, H, W), uint8 or in [-1, 1], as vectors of their colours at side x side: (N, 3 side^2)."""
    vectors = []
    for part in images.split(1000):
        part = to_float(part) if part.dtype == torch.uint8 else part
        vectors.append(F.adaptive_avg_pool2d(part, side).flatten(1))
    return torch.cat(vectors)


def nearest(queries: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Of each query (N, d) the nearest of known (M, d): root mean square difference (N,), and which (N,)."""
    distance, place = torch.cdist(queries, known).min(1)
    return distance / queries.shape[1] ** 0.5, place
