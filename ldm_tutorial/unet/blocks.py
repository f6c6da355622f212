"""What the U-Net is built of."""

from torch import Tensor, nn

from ldm_tutorial.nn import Downsample, ImageSelfAttention, ResBlock, Upsample
from ldm_tutorial.unet.config import UNetConfig
from ldm_tutorial.unet.transformer import SpatialTransformer


def res_block(config: UNetConfig, in_channels: int, out_channels: int, resample=None) -> ResBlock:
    """A residual block that hears the time in the network's way."""
    return ResBlock(
        in_channels,
        out_channels,
        config.time_dim,
        config.dropout,
        eps=1e-5,
        groups=config.norm_groups,
        scale_shift=config.use_scale_shift_norm,
        resample=resample,
    )


def attention(config: UNetConfig, level: int) -> SpatialTransformer | ImageSelfAttention:
    """Attention of a level to itself and the context; to itself alone in a network without context."""
    width, heads, groups = config.widths[level], config.heads_at(level), config.norm_groups
    if config.context_dim is None:
        return ImageSelfAttention(width, heads, eps=1e-5, groups=groups)
    depth, dropout = config.transformer_depth, config.dropout
    return SpatialTransformer(width, heads, config.context_dim, depth, dropout, groups)


def downsample(config: UNetConfig, channels: int) -> Downsample | ResBlock:
    """Half the resolution: by a convolution of stride 2, or by averaging inside a residual block."""
    if config.resblock_updown:
        return res_block(config, channels, channels, nn.AvgPool2d(2))
    return Downsample(channels)


def upsample(config: UNetConfig, channels: int) -> Upsample | ResBlock:
    """Twice the resolution: nearest neighbour and a convolution, or nearest neighbour in a residual block."""
    if config.resblock_updown:
        return res_block(config, channels, channels, nn.Upsample(scale_factor=2))
    return Upsample(channels)


class Block(nn.Module):
    """A residual block that hears the time, then attention where the level has it.

    h `(B, in_channels, H, W)`, time `(B, time_dim)`, context `(B, M, d)`, mask `(B, M)` -> `(B, C, H, W)`
    with the C channels of the level.
    """

    def __init__(self, config: UNetConfig, level: int, in_channels: int, has_attention: bool):
        super().__init__()
        self.res = res_block(config, in_channels, config.widths[level])
        self.attention = attention(config, level) if has_attention else nn.Identity()

    def forward(self, h: Tensor, time: Tensor, context: Tensor | None, mask: Tensor | None) -> Tensor:
        h = self.res(h, time)
        if isinstance(self.attention, SpatialTransformer):
            return self.attention(h, context, mask)
        return self.attention(h)


class Level(nn.Module):
    """The blocks of one resolution, and what changes the resolution behind them, if anything does."""

    def __init__(self, blocks: list[Block], resample: nn.Module | None):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.resample = resample

    def change_size(self, h: Tensor, time: Tensor) -> Tensor:
        """The feature map at the resolution of the next level."""
        return self.resample(h, time) if isinstance(self.resample, ResBlock) else self.resample(h)
