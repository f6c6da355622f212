"""What one level of the encoder and of the decoder is made of."""

from itertools import pairwise

from torch import nn

from ldm_tutorial.nn import ImageSelfAttention, ResBlock


class Middle(nn.Sequential):
    """The lowest resolution: residual block, attention over the whole picture, residual block."""

    def __init__(self, channels: int, attention: bool, dropout: float, groups: int | None):
        super().__init__(
            ResBlock(channels, channels, dropout=dropout, groups=groups),
            ImageSelfAttention(channels, groups=groups) if attention else nn.Identity(),
            ResBlock(channels, channels, dropout=dropout, groups=groups),
        )


def level_blocks(widths: list[int], attention: bool, dropout: float, groups: int | None) -> nn.Sequential:
    """Residual blocks from each width to the next, each followed by attention where the level has it."""
    blocks = nn.Sequential()
    for in_channels, out_channels in pairwise(widths):
        blocks.append(ResBlock(in_channels, out_channels, dropout=dropout, groups=groups))
        if attention:
            blocks.append(ImageSelfAttention(out_channels, groups=groups))
    return blocks
