"""Large images through a first stage tile by tile, in memory that hardly grows with the image.

Three things tell a tile from the whole. Convolutions see beyond its edge: so tiles overlap, and what lies
near an edge is not used. Attention sees all: so the coarsest level with what follows it, and levels with
attention, run on the whole image, where it is small. Group norms divide by the deviation of the whole image:
so all tiles share one mean and variance, found by passing over them several times. The first norm of the
network is exact after one pass, the k-th after k; long before that, hardly anything changes.

Measured at 256 to 1024 pixels on the bundled first stages: with statistics of its own in each tile, pixels
differ by up to half the range; with shared ones, by less than 2e-3 of it, for 4 to 7 times the work.
"""

from itertools import product
from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ldm_tutorial.first_stage.autoencoder import Autoencoder
from ldm_tutorial.first_stage.vq import VQAutoencoder
from ldm_tutorial.nn import NormSiLU, check_images, check_values

TOLERANCE = 0.02  # statistics are settled when none moves by more than this share of a deviation


@torch.no_grad()
def encode_tiled(stage: Autoencoder, images: Tensor, tile: int = 512, overlap: int | None = None) -> Tensor:
    """`stage.encode(images)`, `(B, 3, H, W)` -> `(B, c, H/f, W/f)`, in tiles of `tile` pixels a side.

    Neighbours share `overlap` pixels (default: what a feature sees). ValueError where a size is no multiple
    of the downsampling factor.
    """
    check_images(images, "images", stage.config.image_channels, stage.downsampling)
    check_values(images, "images")
    level, encoder = tiled_levels(stage), stage.encoder
    fine = nn.Sequential(nn.PixelUnshuffle(encoder.stem), encoder.conv_in, *encoder.levels[:level])
    coarse = [*encoder.levels[level:], encoder.middle, encoder.norm_out, nn.SiLU(), encoder.conv_out]
    features = in_tiles(fine, images, (1, stage.config.factors[level]), tiling(stage, tile, overlap))
    z = nn.Sequential(*coarse, stage.quant_conv)(features)
    return stage.standardise(z[:, : stage.latent_channels])  # of a KL autoencoder the first half, the means


@torch.no_grad()
def decode_tiled(stage: Autoencoder, z: Tensor, tile: int = 512, overlap: int | None = None) -> Tensor:
    """`stage.decode(z)`, `(B, c, h, w)` -> `(B, 3, f h, f w)`, in tiles of `tile` pixels a side, as above."""
    z = stage.quantise(z).z if isinstance(stage, VQAutoencoder) else stage.unstandardise(z)
    level, decoder = tiled_levels(stage), stage.decoder
    layers = [layer for each in decoder.levels for layer in each]
    first = sum(len(each) for each in decoder.levels[: len(decoder.levels) - level])
    first -= level > 0  # the upsampling that ends the coarse levels is done in tiles
    coarse = nn.Sequential(stage.post_quant_conv, decoder.conv_in, decoder.middle, *layers[:first])
    fine = [*layers[first:], decoder.norm_out, nn.SiLU(), decoder.conv_out, nn.PixelShuffle(decoder.stem)]
    units = (stage.config.factors[level], 1)
    return in_tiles(nn.Sequential(*fine), coarse(z), units, tiling(stage, tile, overlap))


class Tiling(NamedTuple):
    """The side of a tile and what neighbours share, in pixels."""

    tile: int
    overlap: int


def tiling(stage: Autoencoder, tile: int, overlap: int | None) -> Tiling:
    """Checked sizes; without `overlap`, twice as far as a convolution of the tiled levels sees."""
    f = stage.downsampling
    if overlap is None:
        layers = 2 * (stage.config.res_blocks + 1) + 2
        radius = 2 * stage.config.stem  # the first and the last convolution
        radius += sum(layers * factor for factor in stage.config.factors[: tiled_levels(stage)])
        overlap = min(-(-2 * radius // f) * f, tile // (2 * f) * f)
    for name, size in (("tile", tile), ("overlap", overlap)):
        if size % f or size < 0:
            raise ValueError(f"{name} {size} is not a multiple of the downsampling factor {f}")
    if not overlap < tile:
        raise ValueError(f"overlap {overlap} must be smaller than tile {tile}")
    return Tiling(tile, overlap)


def tiled_levels(stage: Autoencoder) -> int:
    """How many of the levels, from the finest, run in tiles: not the coarsest, nor any from attention on."""
    config = stage.config
    return min(
        len(config.factors) - 1,
        *(config.factors.index(factor) for factor in (*config.attention, config.factors[-1])),
    )


def in_tiles(network: nn.Sequential, x: Tensor, units: tuple[int, int], tiling: Tiling) -> Tensor:
    """network(x) without ever running it on all of x; `units`: pixels of the image a place of x and of y."""
    into, out_of = units
    size = [side * into for side in x.shape[2:]]
    windows = list(product(*(windows_along(side, tiling, x.device) for side in size)))

    def tiles():
        for (top, down), (left, right) in windows:
            rows = slice(top // into, (top + len(down)) // into)
            columns = slice(left // into, (left + len(right)) // into)
            weight = rearrange(torch.outer(down, right), "h w -> 1 1 h w")
            yield top // out_of, left // out_of, weight, x[:, :, rows, columns]

    with SharedNorms(network) as norms:
        if len(windows) > 1:
            while not norms.settled:
                for _, _, weight, part in tiles():
                    norms.weight = weight
                    network(part)
                norms.share()
        y = None
        for top, left, weight, part in tiles():
            norms.weight = weight
            out = network(part)
            if y is None:
                y = out.new_zeros(*out.shape[:2], *(side // out_of for side in size))
            weight = F.adaptive_avg_pool2d(weight, out.shape[2:]).to(out)
            y[:, :, top : top + out.shape[2], left : left + out.shape[3]] += weight * out
    return y


def windows_along(length: int, tiling: Tiling, device: torch.device) -> list[tuple[int, Tensor]]:
    """Start and weights `(tile,)` of the tiles along one axis; at every pixel the weights add up to 1.

    In the third of the overlap next to a tile's own edge its weight is 0; in the middle third it rises.
    """
    tile, overlap = min(tiling.tile, length), tiling.overlap
    starts = [*range(0, length - tile, max(tile - overlap, 1)), length - tile]
    ramp = torch.linspace(-1, 2, overlap + 2, device=device)[1:-1].clamp(0, 1)
    total, windows = torch.zeros(length, device=device), []
    for start in starts:
        weight = torch.ones(tile, device=device)
        if start > 0:
            weight[:overlap] *= ramp
        if start < length - tile:
            weight[tile - overlap :] *= ramp.flip(0)
        total[start : start + tile] += weight
        windows.append((start, weight))
    return [(start, weight / total[start : start + tile]) for start, weight in windows]


class SharedNorms:
    """Inside `with`, the group norms of a network use the statistics of all tiles that `share` has gathered.

    `weight` `(1, 1, H, W)`: how much each pixel of the tile at hand counts.
    """

    def __init__(self, network: nn.Module):
        self.norms = [module for module in network.modules() if isinstance(module, nn.GroupNorm)]
        self.weight, self.gathered, self.shared = None, {}, {}
        self.passes, self.settled = 0, not self.norms

    def __enter__(self):
        self.hooks = [norm.register_forward_hook(self.normalise) for norm in self.norms]
        return self

    def __exit__(self, *_):
        for hook in self.hooks:
            hook.remove()

    def normalise(self, norm: nn.GroupNorm, inputs: tuple, output: Tensor) -> Tensor:
        """In place of the norm's own output, that with shared statistics; gathers those of the tile."""
        x = rearrange(inputs[0].float(), "b (g c) h w -> b g c h w", g=norm.num_groups)
        weight = F.adaptive_avg_pool2d(self.weight, x.shape[3:])[0]
        sums = [weight.sum() * x.shape[2], (x * weight).sum((2, 3, 4)), (x.square() * weight).sum((2, 3, 4))]
        before = self.gathered.get(norm, [0, 0, 0])
        self.gathered[norm] = [a + b for a, b in zip(before, sums, strict=True)]
        if norm not in self.shared:
            return output
        mean, deviation = (each[:, :, None, None, None] for each in self.shared[norm])
        x = rearrange((x - mean) / deviation, "b g c h w -> b (g c) h w").to(output)
        x = x * norm.weight[:, None, None] + norm.bias[:, None, None]
        return F.silu(x) if isinstance(norm, NormSiLU) else x

    def share(self) -> None:
        """Use what was gathered since the last call; settled where that changes little, or must be exact."""
        change = 0.0
        for norm, (area, total, squares) in self.gathered.items():
            mean = total / area
            deviation = ((squares / area - mean.square()).clamp(min=0) + norm.eps).sqrt()
            if norm in self.shared:
                moved = [
                    (new - old).abs() / deviation
                    for new, old in zip((mean, deviation), self.shared[norm], strict=True)
                ]
                change = max(change, *(each.max().item() for each in moved))
            self.shared[norm] = mean, deviation
        self.gathered, self.passes = {}, self.passes + 1
        self.settled = self.passes > len(self.norms) or (self.passes > 1 and change < TOLERANCE)
