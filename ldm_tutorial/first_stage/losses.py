"""What reconstructions are judged by: an error per pixel, and a network that learns to tell them from images.

Rombach et al. 2022, appendix G; the adversarial part is that of VQ-GAN (Esser et al. 2021, section 3.1). The
perceptual loss has a file of its own, perceptual.py.

Every loss here is an average: over pixel values, or over the discriminator's verdicts.
"""

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.nn import check_images


def reconstruction_loss(copies: Tensor, images: Tensor, norm: Literal["l1", "l2"] = "l1") -> Tensor:
    """Mean absolute (l1) or squared (l2) error per pixel value; a float32 scalar.

    Both `(B, 3, H, W)`; ValueError where the shapes differ. The original release sums over an image for its
    KL autoencoders: that is this times 3 H W, and so are then all other terms.
    """
    if copies.shape != images.shape:
        raise ValueError(
            f"copies {tuple(copies.shape)} and images {tuple(images.shape)} must have the same shape"
        )
    error = copies.float() - images.float()
    return error.abs().mean() if norm == "l1" else error.square().mean()


class PatchDiscriminator(nn.Module):
    """Images `(B, channels, H, W)` -> logits `(B, 1, h, w)`, above 0 where a patch looks real.

    Isola et al. 2017, appendix 6.1.2. `n_layers` strided convolutions, `ndf` channels after the first. With 3
    of them, as in the original release, a logit sees 70x70 pixels; with 2 34x34, with 1 16x16.
    ValueError where an image is too small to give a logit.
    """

    def __init__(self, channels: int = 3, ndf: int = 64, n_layers: int = 3):
        super().__init__()
        if n_layers < 1:
            raise ValueError(f"n_layers is {n_layers}; a patch discriminator needs at least 1")
        self.channels, self.smallest = channels, 3 * 2**n_layers
        widths = [ndf * min(2**level, 8) for level in range(n_layers + 1)]
        layers = [nn.Conv2d(channels, ndf, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for level, (width, out) in enumerate(pairwise(widths), 1):
            stride = 2 if level < n_layers else 1
            layers += [
                nn.Conv2d(width, out, 4, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(out),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, 0.0, 0.02)
            elif isinstance(layer, nn.BatchNorm2d):
                nn.init.normal_(layer.weight, 1.0, 0.02)

    def forward(self, x: Tensor) -> Tensor:
        check_images(x, "images", self.channels, 1)
        if min(x.shape[2:]) < self.smallest:
            raise ValueError(
                f"images are {tuple(x.shape[2:])}; this discriminator needs at least {self.smallest} pixels "
                "a side, or fewer n_layers"
            )
        return self.layers(x)


def hinge_d_loss(logits_real: Tensor, logits_fake: Tensor) -> Tensor:
    """What the discriminator minimises: 0 once real logits exceed 1 and those of copies lie below -1.

    Lim & Ye 2017; half the sum, as in the original release. A float32 scalar.
    """
    return 0.5 * (F.relu(1 - logits_real.float()).mean() + F.relu(1 + logits_fake.float()).mean())


def hinge_g_loss(logits_fake: Tensor) -> Tensor:
    """What the generator minimises: the logits of its copies, negated. A float32 scalar."""
    return -logits_fake.float().mean()


def adaptive_weight(
    reconstruction: Tensor, adversarial: Tensor, last_layer: Tensor, delta: float = 1e-4, largest: float = 1e4
) -> Tensor:
    """The factor that makes the adversarial loss pull at the last layer as hard as the reconstruction does.

    |d reconstruction / d last_layer| / (|d adversarial / d last_layer| + delta), between 0 and `largest`: a
    scalar without gradient, of two scalars. Esser et al. 2021, equation 7; the release's delta and bound.
    """
    pulls = [
        torch.autograd.grad(loss, last_layer, retain_graph=True)[0].float().norm()
        for loss in (reconstruction, adversarial)
    ]
    return (pulls[0] / (pulls[1] + delta)).clamp(0, largest).detach()


def check_start(adversarial_start: float) -> None:
    """Raise ValueError unless `adversarial_start` is a fraction of the run."""
    if not 0 <= adversarial_start < 1:
        raise ValueError(
            f"adversarial_start is {adversarial_start}; it is a fraction of the run in [0, 1), such as 0.5: "
            "a step could lie beyond the run's end, and the discriminator would never start"
        )
