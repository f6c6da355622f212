"""The denoising network (Ho et al. 2020, Dhariwal & Nichol 2021, Rombach et al. 2022)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ldm_tutorial.nn import NormSiLU, TimestepMLP, zeroed
from ldm_tutorial.unet.blocks import Block, Level, downsample, upsample
from ldm_tutorial.unet.config import UNetConfig
from ldm_tutorial.unet.encoder import check_inputs, time_vector, way_down


class UNet(nn.Module):
    """Noisy latents z_t -> a prediction: down to the lowest resolution, up again with skip connections.

    z `(B, in_channels, h, w)`, t int64 `(B,)`, context `(B, M, context_dim)`, mask bool `(B, M)` True where a
    token is real, added `(B, added_dim)` -> `(B, out_channels, h, w)`. ValueError where a shape doesn't fit.
    residuals: what a ControlNet adds to every skip connection and, last, to the lowest feature map.
    The last convolution starts at zero.
    """

    def __init__(self, config: UNetConfig):
        super().__init__()
        self.config = config
        widths, last = config.widths, len(config.widths) - 1
        with_attention = [factor in config.attention for factor in config.factors]

        self.time = TimestepMLP(config.channels, config.time_dim)
        self.added = nn.Linear(config.added_dim, config.time_dim) if config.added_dim else None
        self.conv_in = nn.Conv2d(config.in_channels, widths[0], 3, padding=1)
        width, skips = widths[0], [widths[0]]

        self.down = nn.ModuleList()
        for level, out in enumerate(widths):
            blocks = []
            for _ in range(config.res_blocks):
                blocks.append(Block(config, level, width, with_attention[level]))
                width = out
                skips.append(width)
            if level < last:
                skips.append(width)
            self.down.append(Level(blocks, downsample(config, width) if level < last else None))

        self.middle = nn.ModuleList(
            [Block(config, last, width, config.mid_attention), Block(config, last, width, False)]
        )

        self.up = nn.ModuleList()
        for level, out in reversed(list(enumerate(widths))):
            blocks = []
            for _ in range(config.res_blocks + 1):
                blocks.append(Block(config, level, width + skips.pop(), with_attention[level]))
                width = out
            self.up.append(Level(blocks, upsample(config, width) if level > 0 else None))

        self.norm_out = NormSiLU(width, 1e-5, config.norm_groups)
        self.conv_out = zeroed(nn.Conv2d(width, config.out_channels, 3, padding=1))

    def forward(
        self,
        z: Tensor,
        t: Tensor,
        context: Tensor | None = None,
        mask: Tensor | None = None,
        added: Tensor | None = None,
        residuals: Sequence[Tensor] | None = None,
    ) -> Tensor:
        check_inputs(self, z, t, context, mask, added)
        time = time_vector(self, t.expand(len(z)), added)
        h, skips = way_down(self, self.conv_in(z), time, context, mask)
        if residuals is not None:
            if len(residuals) != len(skips) + 1:
                raise ValueError(f"{len(residuals)} residuals came; this U-Net takes {len(skips) + 1}")
            *beside, at_the_bottom = residuals
            skips = [skip + residual for skip, residual in zip(skips, beside, strict=True)]
            h = h + at_the_bottom

        for level in self.up:
            for block in level.blocks:
                h = block(torch.cat([h, skips.pop()], dim=1), time, context, mask)
            if level.resample is not None:
                h = level.change_size(h, time)

        return self.conv_out(self.norm_out(h))
