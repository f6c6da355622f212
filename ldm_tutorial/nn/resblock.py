"""The residual block of both networks (Ho et al. 2020, appendix B; Dhariwal & Nichol 2021, section 3)."""

import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.nn.convolution import Conv3x3
from ldm_tutorial.nn.norm_silu import NormSiLU
from ldm_tutorial.nn.normalization import zeroed


class ResBlock(nn.Module):
    """x + two times (normalise, SiLU, 3x3 convolution), with the time, where there is one, in between.

    x `(B, in_channels, H, W)`, time `(B, time_dim)` -> `(B, out_channels, H, W)`.
    The time is added before the second normalisation; with `scale_shift` it scales and shifts what comes out
    of it. `resample`, a layer without weights, changes the resolution of both branches.
    The second convolution starts at zero, so that a deep stack starts as its skip connections.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        time_dim: int | None = None,
        dropout: float = 0.0,
        eps: float = 1e-6,
        groups: int | None = None,
        scale_shift: bool = False,
        resample: nn.Module | None = None,
    ):
        super().__init__()
        self.scale_shift = scale_shift
        self.norm1 = NormSiLU(in_channels, eps, groups)
        self.resample = resample or nn.Identity()
        self.conv1 = Conv3x3(in_channels, out_channels)
        self.time_proj = nn.Linear(time_dim, (1 + scale_shift) * out_channels) if time_dim else None
        self.norm2 = NormSiLU(out_channels, eps, groups)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = zeroed(Conv3x3(out_channels, out_channels))
        self.skip = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        h = self.conv1(self.resample(self.norm1(x)))
        scale = shift = None
        if self.scale_shift:
            scale, shift = self.time_proj(F.silu(time)).chunk(2, dim=1)
        elif self.time_proj is not None:
            h += self.time_proj(F.silu(time))[:, :, None, None]
        h = self.conv2(self.dropout(self.norm2(h, scale, shift)))
        h += self.skip(self.resample(x))
        return h
