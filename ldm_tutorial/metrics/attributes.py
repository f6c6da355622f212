"""Reads attributes off pictures of Peeps: has a generated picture what its caption asked for?

A small convolutional network with one classification head per kind of attribute, trained on real pictures
(`attribute_training.py`). What it reads from generated pictures is as good as it is on real ones, so its
accuracy on real valid pictures stands beside every number it gives.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

JUDGED = ("skin", "hair", "clothing", "background", "glasses", "mask")
UNTOLD = frozenset(("hidden", "other"))  # values that no caption names and no reading is judged by


@dataclass(frozen=True)
class AttributeClassifierConfig:
    """`kinds` are the kinds of attribute with the words of each; `image_size` that of the square pictures."""

    kinds: tuple[tuple[str, tuple[str, ...]], ...]
    image_size: int = 64
    channels: tuple[int, ...] = (24, 48, 96)
    hidden: int = 192

    def __post_init__(self):
        kinds = tuple((kind, tuple(words)) for kind, words in self.kinds)  # JSON gives lists
        object.__setattr__(self, "kinds", kinds)
        object.__setattr__(self, "channels", tuple(self.channels))
        factor = 2 ** (len(self.channels) + 1)
        if self.image_size % factor:
            raise ValueError(
                f"image_size {self.image_size} is not a multiple of {factor}, the downsampling factor"
            )


class AttributeClassifier(nn.Module):
    """Pictures (B,3,H,W) in [-1,1] to {kind: logits (B, words of the kind)}."""

    def __init__(self, config: AttributeClassifierConfig):
        super().__init__()
        self.config = config
        first = config.channels[0]
        layers = [nn.Conv2d(3, first, 4, stride=2, padding=1), nn.BatchNorm2d(first), nn.ReLU()]
        width = first
        for channels in config.channels:
            for stride, inputs in ((2, width), (1, channels)):
                convolution = nn.Conv2d(inputs, channels, 3, stride=stride, padding=1, bias=False)
                layers += [convolution, nn.BatchNorm2d(channels), nn.ReLU()]
            width = channels
        self.features = nn.Sequential(*layers)
        # Where a part lies tells what it is, so the last map is flattened, not averaged.
        side = config.image_size // 2 ** (len(config.channels) + 1)
        self.mix = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(width * side**2, config.hidden), nn.ReLU()
        )
        self.heads = nn.ModuleDict(
            {kind: nn.Linear(config.hidden, len(words)) for kind, words in config.kinds}
        )

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        size = self.config.image_size
        if images.ndim != 4 or tuple(images.shape[1:]) != (3, size, size):
            raise ValueError(
                f"images have shape {tuple(images.shape)}; (batch, 3, {size}, {size}) is accepted"
            )
        features = self.mix(self.features(images))
        return {kind: head(features) for kind, head in self.heads.items()}

    @torch.inference_mode()
    def read(self, images: Tensor, batch_size: int = 256) -> list[dict[str, str]]:
        """The likeliest word of every kind for each picture (B,3,H,W) in [-1,1], read in evaluation mode."""
        training = self.training
        self.eval()
        readings = []
        for batch in images.split(batch_size):
            logits = self(batch.to(next(self.parameters())))
            numbers = {kind: scores.argmax(dim=1).tolist() for kind, scores in logits.items()}
            readings += [
                {kind: words[numbers[kind][i]] for kind, words in self.config.kinds}
                for i in range(len(batch))
            ]
        self.train(training)
        return readings


class AttributeAccuracy(NamedTuple):
    """`kinds[kind]` = (right, judged); `mean` is the accuracy averaged over the kinds judged at all."""

    kinds: dict[str, tuple[int, int]]
    mean: float


def attribute_accuracy(
    classifier: AttributeClassifier,
    images: Tensor,
    attributes: Sequence[Mapping[str, str]],
    mentions: Sequence[Collection[str]] | None = None,
    kinds: Sequence[str] = JUDGED,
) -> AttributeAccuracy:
    """Whether the pictures (N,3,H,W) have the attributes asked for, counted per kind.

    With `mentions` only the kinds that a picture's caption mentions are counted for it. "hidden" and
    "other" are never counted. Raises ValueError where the lists differ in length, or for a kind that the
    classifier doesn't know.
    """
    for name, given in (("attributes", attributes), ("mentions", mentions)):
        if given is not None and len(given) != len(images):
            raise ValueError(
                f"{name} has {len(given)} entries for {len(images)} images; it needs one for each"
            )
    known = [kind for kind, _ in classifier.config.kinds]
    unknown = sorted(set(kinds) - set(known))
    if unknown:
        raise ValueError(f"kinds has {unknown[0]!r}; the classifier reads {', '.join(known)}")
    counts = dict.fromkeys(kinds, (0, 0))
    for i, reading in enumerate(classifier.read(images)):
        for kind in kinds:
            wanted = attributes[i][kind]
            if wanted in UNTOLD or (mentions is not None and kind not in mentions[i]):
                continue
            right, judged = counts[kind]
            counts[kind] = right + (reading[kind] == wanted), judged + 1
    shares = [right / judged for right, judged in counts.values() if judged]
    return AttributeAccuracy(counts, sum(shares) / len(shares) if shares else float("nan"))
