"""From latents back to pixels."""

import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.first_stage.blocks import Middle, level_blocks
from ldm_tutorial.first_stage.config import KLConfig
from ldm_tutorial.nn import Upsample, group_norm


class Decoder(nn.Module):
    """Latents `(B, c, h, w)` -> images `(B, 3, f h, f w)`: the encoder mirrored, one block more a level."""

    def __init__(self, config: KLConfig):
        super().__init__()
        widths, dropout, groups = config.widths, config.dropout, config.norm_groups
        self.stem = config.stem
        width = widths[-1]
        self.conv_in = nn.Conv2d(config.latent_channels, width, 3, padding=1)
        self.middle = Middle(width, config.mid_attention, dropout, groups)
        self.levels = nn.ModuleList()  # from coarse to fine
        for out, factor in zip(reversed(widths), reversed(config.factors), strict=True):
            level = level_blocks(
                [width] + [out] * (config.res_blocks + 1), factor in config.attention, dropout, groups
            )
            if factor > config.stem:
                level.append(Upsample(out))
            self.levels.append(level)
            width = out
        self.norm_out = group_norm(width, 1e-6, groups)
        self.conv_out = nn.Conv2d(width, config.image_channels * config.stem**2, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        h = self.middle(self.conv_in(z))
        for level in self.levels:
            h = level(h)
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(h))), self.stem)
