"""From pixels to features of the latent's size."""

import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.first_stage.blocks import Middle, level_blocks
from ldm_tutorial.first_stage.config import KLConfig
from ldm_tutorial.nn import Downsample, group_norm


class Encoder(nn.Module):
    """Images `(B, 3, H, W)` -> features `(B, out_channels, H/f, W/f)`: levels of residual blocks."""

    def __init__(self, config: KLConfig, out_channels: int):
        super().__init__()
        widths, dropout, groups = config.widths, config.dropout, config.norm_groups
        self.stem = config.stem
        self.conv_in = nn.Conv2d(config.image_channels * config.stem**2, widths[0], 3, padding=1)
        self.levels = nn.ModuleList()
        width = widths[0]
        for out, factor in zip(widths, config.factors, strict=True):
            level = level_blocks(
                [width] + [out] * config.res_blocks, factor in config.attention, dropout, groups
            )
            if factor < config.downsampling:
                level.append(Downsample(out, asymmetric=True))
            self.levels.append(level)
            width = out
        self.middle = Middle(width, config.mid_attention, dropout, groups)
        self.norm_out = group_norm(width, 1e-6, groups)
        self.conv_out = nn.Conv2d(width, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv_in(F.pixel_unshuffle(x, self.stem))
        for level in self.levels:
            h = level(h)
        h = self.middle(h)
        return self.conv_out(F.silu(self.norm_out(h)))
