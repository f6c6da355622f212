"""The denoising network (Ho et al. 2020, Dhariwal & Nichol 2021, Rombach et al. 2022)."""

import torch
from torch import Tensor, nn

from ldm_tutorial.nn import NormSiLU, TimestepMLP, check_images, zeroed
from ldm_tutorial.unet.blocks import Block, Level, downsample, upsample
from ldm_tutorial.unet.config import UNetConfig


class UNet(nn.Module):
    """Noisy latents z_t -> a prediction: down to the lowest resolution, up again with skip connections.

    z `(B, in_channels, h, w)`, t int64 `(B,)`, context `(B, M, context_dim)`, mask bool `(B, M)` True where a
    token is real, added `(B, added_dim)` -> `(B, out_channels, h, w)`. ValueError where a shape doesn't fit.
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
    ) -> Tensor:
        self._check(z, t, context, mask, added)
        time = self.time(t.expand(len(z)))
        if added is not None:
            time = time + self.added(added)
        h = self.conv_in(z)

        skips = [h]
        for level in self.down:
            for block in level.blocks:
                h = block(h, time, context, mask)
                skips.append(h)
            if level.resample is not None:
                h = level.change_size(h, time)
                skips.append(h)

        for block in self.middle:
            h = block(h, time, context, mask)

        for level in self.up:
            for block in level.blocks:
                h = block(torch.cat([h, skips.pop()], dim=1), time, context, mask)
            if level.resample is not None:
                h = level.change_size(h, time)

        return self.conv_out(self.norm_out(h))

    def _check(self, z: Tensor, t: Tensor, context, mask, added) -> None:
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
        expected = None if self.added is None else (len(z), self.added.in_features)
        got = None if added is None else tuple(added.shape)
        if got != expected:
            raise ValueError(f"added must be {expected or 'left out'} for this U-Net, got {got or 'nothing'}")
