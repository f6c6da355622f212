"""Does the picture show what its caption says? A small classifier reads the attributes of Peeps."""

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class AttributeClassifierConfig:
    """The kinds of attribute with the values of each, and the width of the network."""

    kinds: tuple[tuple[str, tuple[str, ...]], ...]
    channels: int = 32


class AttributeClassifier(nn.Module):
    """Images (B, 3, 64, 64) in [-1, 1] to one distribution over values for each kind of attribute."""

    def __init__(self, config: AttributeClassifierConfig):
        super().__init__()
        self.config = config
        widths = [config.channels * m for m in (1, 2, 4, 8)]
        layers, previous = [], 3
        for width in widths:
            layers += [nn.Conv2d(previous, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU()]
            layers += [nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU()]
            previous = width
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(previous * 16, 256), nn.ReLU())
        self.heads = nn.ModuleDict({kind: nn.Linear(256, len(values)) for kind, values in config.kinds})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Logits (B, values) for each kind."""
        features = self.features(images)
        return {kind: head(features) for kind, head in self.heads.items()}
