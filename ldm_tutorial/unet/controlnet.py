"""ControlNet: a trained U-Net that learns to follow a picture, and forgets nothing (Zhang et al. 2023).

The encoder half is copied and the original frozen. The copy also sees the hint (edges, a map, a pose), and
what it finds is added to the original's skip connections through convolutions that start at zero: before the
first step the two together are the original, to the bit.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.nn import zeroed
from ldm_tutorial.unet.config import UNetConfig
from ldm_tutorial.unet.encoder import check_inputs, time_vector, way_down
from ldm_tutorial.unet.unet import UNet


@dataclass(frozen=True)
class ControlConfig:
    """The picture a ControlNet follows. Each width of its encoder after the first halves the resolution.

    The hint has hint_channels and is 2^(len(hint_widths) - 1) times as large as the latents: as large as the
    images, where that is the first stage's factor. The default is Stable Diffusion's, with factor 8.
    """

    hint_channels: int = 3
    hint_widths: tuple[int, ...] = (16, 32, 96, 256)

    @property
    def hint_factor(self) -> int:
        return 2 ** (len(self.hint_widths) - 1)


class HintEncoder(nn.Module):
    """The hint at the size of the latents. `(B, hint_channels, f h, f w)` -> `(B, channels, h, w)`.

    Its last convolution starts at zero.
    """

    def __init__(self, config: ControlConfig, channels: int):
        super().__init__()
        width, *others = config.hint_widths
        self.conv_in = nn.Conv2d(config.hint_channels, width, 3, padding=1)
        self.blocks = nn.ModuleList()
        for out in others:
            self.blocks.append(nn.Conv2d(width, width, 3, padding=1))
            self.blocks.append(nn.Conv2d(width, out, 3, padding=1, stride=2))
            width = out
        self.conv_out = zeroed(nn.Conv2d(width, channels, 3, padding=1))

    def forward(self, hint: Tensor) -> Tensor:
        h = F.silu(self.conv_in(hint))
        for conv in self.blocks:
            h = F.silu(conv(h))
        return self.conv_out(h)


class ControlNet(nn.Module):
    """The residuals that a U-Net of the same config takes: one for each skip connection, then the lowest one.

    z, t, context, mask and added as for the U-Net; hint `(B, hint_channels, f h, f w)` at `hint_factor` f.
    ValueError where one doesn't fit.
    """

    def __init__(self, config: UNetConfig, control: ControlConfig):
        super().__init__()
        self.config, self.control = config, control
        half = UNet(config)
        self.time, self.added, self.conv_in = half.time, half.added, half.conv_in
        self.down, self.middle = half.down, half.middle
        self.hint = HintEncoder(control, config.widths[0])
        widths = [config.widths[0]]
        for level, width in enumerate(config.widths):
            widths += [width] * (config.res_blocks + (level + 1 < len(config.widths)))
        self.zeros = nn.ModuleList(zeroed(nn.Conv2d(width, width, 1)) for width in [*widths, widths[-1]])

    def copy_from(self, unet: UNet) -> "ControlNet":
        """Start with the encoder half of `unet`, and return self. ValueError for another config."""
        if unet.config != self.config:
            raise ValueError(f"this ControlNet is for a U-Net of {self.config}, not of {unet.config}")
        for name in ("time", "added", "conv_in", "down", "middle"):
            if getattr(self, name) is not None:
                getattr(self, name).load_state_dict(getattr(unet, name).state_dict())
        return self

    def forward(
        self,
        z: Tensor,
        t: Tensor,
        hint: Tensor,
        context: Tensor | None = None,
        mask: Tensor | None = None,
        added: Tensor | None = None,
    ) -> list[Tensor]:
        check_inputs(self, z, t, context, mask, added)
        sides = (side * self.control.hint_factor for side in z.shape[2:])
        if tuple(hint.shape) != (expected := (len(z), self.control.hint_channels, *sides)):
            raise ValueError(f"hint must have shape {expected}, got {tuple(hint.shape)}")
        time = time_vector(self, t.expand(len(z)), added)
        h, skips = way_down(self, self.conv_in(z) + self.hint(hint), time, context, mask)
        return [zero(feature) for zero, feature in zip(self.zeros, [*skips, h], strict=True)]
