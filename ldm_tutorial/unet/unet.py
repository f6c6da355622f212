"""The denoising network (Ho et al. 2020, Dhariwal & Nichol 2021, Rombach et al. 2022)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.nn import Downsample, TimestepMLP, Upsample, check_images, group_norm, zeroed
from ldm_tutorial.unet.blocks import Block, Level
from ldm_tutorial.unet.config import UNetConfig


class UNet(nn.Module):
    """Noisy latents z_t -> a prediction: down to the lowest resolution, up again with skip connections.

    z `(B, in_channels, h, w)`, t int64 `(B,)`, context `(B, M, context_dim)`, mask bool `(B, M)` True where a
    token is real -> `(B, out_channels, h, w)`. ValueError where a shape doesn't fit.
    The last convolution starts at zero.
    """

    def __init__(self, config: UNetConfig):
        super().__init__()
        self.config = config
        widths, last = config.widths, len(config.widths) - 1
        with_attention = [factor in config.attention for factor in config.factors]

        self.time = TimestepMLP(config.channels, config.time_dim)
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
            self.down.append(Level(blocks, Downsample(width) if level < last else None))

        self.middle = nn.ModuleList(
            [Block(config, last, width, config.mid_attention), Block(config, last, width, False)]
        )

        self.up = nn.ModuleList()
        for level, out in reversed(list(enumerate(widths))):
            blocks = []
            for _ in range(config.res_blocks + 1):
                blocks.append(Block(config, level, width + skips.pop(), with_attention[level]))
                width = out
            self.up.append(Level(blocks, Upsample(width) if level > 0 else None))

        self.norm_out = group_norm(width, 1e-5, config.norm_groups)
        self.conv_out = zeroed(nn.Conv2d(width, config.out_channels, 3, padding=1))

    def forward(
        self, z: Tensor, t: Tensor, context: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        self._check(z, t, context, mask)
        time = self.time(t.expand(len(z)))
        h = self.conv_in(z)

        skips = [h]
        for level in self.down:
            for block in level.blocks:
                h = block(h, time, context, mask)
                skips.append(h)
            if level.resample is not None:
                h = level.resample(h)
                skips.append(h)

        for block in self.middle:
            h = block(h, time, context, mask)

        for level in self.up:
            for block in level.blocks:
                h = block(torch.cat([h, skips.pop()], dim=1), time, context, mask)
            if level.resample is not None:
                h = level.resample(h)

        return self.conv_out(F.silu(self.norm_out(h)))

    def _check(self, z: Tensor, t: Tensor, context: Tensor | None, mask: Tensor | None) -> None:
        check_images(z, "z", self.config.in_channels, self.config.downsampling)
        if t.ndim > 1 or t.numel() not in (1, len(z)):
            raise ValueError(f"t must have shape ({len(z)},), got {tuple(t.shape)}")
        width = self.config.context_dim
        if width is None and context is not None:
            raise ValueError("context was given, but this U-Net has no cross-attention (context_dim is None)")
        if width is not None and context is None:
            raise ValueError(f"context is missing: this U-Net needs (B, M, {width}) tokens")
        if context is not None and (context.ndim != 3 or len(context) != len(z) or context.shape[2] != width):
            raise ValueError(f"context must have shape ({len(z)}, M, {width}), got {tuple(context.shape)}")
        if context is not None and mask is not None and mask.shape != context.shape[:2]:
            expected, got = tuple(context.shape[:2]), tuple(mask.shape)
            raise ValueError(f"mask must have the shape {expected} of the context's tokens, got {got}")
