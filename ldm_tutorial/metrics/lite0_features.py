"""Features that need no network: EfficientNet-Lite0, whose weights come in a package.

Distances over them are called FD-lite0 and KD-lite0: they rank pictures much as FID does, on another scale.
"""

from typing import get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ldm_tutorial.first_stage.perceptual import efficientnet_lite0
from ldm_tutorial.metrics.network import Features, Labels, check_pixels, fingerprint
from ldm_tutorial.metrics.resize import Resize, resize

SIZE = 224
AT_ONCE = 4  # images on a CPU: the maps of more do not fit its cache, and take longer
SPATIAL_BLOCK, SPATIAL_CHANNELS = 10, 7  # of its 14x14 map: 1372 numbers, about as many as are pooled
FOLDED = {"_bn0": "_expand_conv", "_bn1": "_depthwise_conv", "_bn2": "_project_conv"}


class Lite0Features(nn.Module):
    """uint8 images (B, 3, H, W) to Features: pooled (B, 1280), spatial (B, 1372), logits (B, 1000).

    resize: how images are enlarged, see `resize`; figures compare only where it is the same.
    Channels last and without batch norms, which is faster on a CPU.
    Raises ModuleNotFoundError, naming the extra, where the packages that bring the network are missing, and
    ValueError for another way to resize.
    """

    name = "efficientnet-lite0"
    labels = Labels("FD-lite0", "KD-lite0", "sFD-lite0", "IS-lite0")

    def __init__(self, resize: Resize = "clean-fid"):
        super().__init__()
        if resize not in get_args(Resize):
            raise ValueError(f"resize is {resize!r}; accepted are {', '.join(get_args(Resize))}")
        self.how, self.resize = resize, f"{resize}, {SIZE} px"
        try:
            network = efficientnet_lite0()
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                str(error).replace("the perceptual loss needs", "FD-lite0 needs")
            ) from None
        self.network = fold(network).requires_grad_(False)
        self.network.to(memory_format=torch.channels_last)
        self.eval()
        self.fingerprint = fingerprint(self.network, self.resize)

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Features:
        check_pixels(images)
        images = images.to(self.network._fc.weight.device)
        few = images.split(AT_ONCE) if images.device.type == "cpu" else [images]
        return Features(*map(torch.cat, zip(*map(self.features, few), strict=True)))

    def features(self, images: Tensor) -> Features:
        net = self.network
        x = (resize(images, SIZE, self.how) - 127) / 128
        h = net._swish(net._conv_stem(x.contiguous(memory_format=torch.channels_last)))
        for number, block in enumerate(net._blocks):
            h = block(h)
            if number == SPATIAL_BLOCK:
                spatial = h[:, :SPATIAL_CHANNELS].flatten(1)
        pooled = net._swish(net._conv_head(h)).mean((2, 3))
        return Features(pooled, spatial, net._fc(pooled))


def fold(network: nn.Module) -> nn.Module:
    """The network with each batch norm put into the convolution before it."""
    for block in network._blocks:
        for norm, convolution in FOLDED.items():
            if hasattr(block, convolution):
                fused = fuse_conv_bn_eval(getattr(block, convolution), getattr(block, norm))
                setattr(block, convolution, fused)
                setattr(block, norm, nn.Identity())
    network._conv_stem = fuse_conv_bn_eval(network._conv_stem, network._bn0)
    network._conv_head = fuse_conv_bn_eval(network._conv_head, network._bn1)
    network._bn0 = network._bn1 = nn.Identity()
    return network
