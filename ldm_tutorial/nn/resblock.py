"""The residual block of both networks (Ho et al. 2020, appendix B)."""

import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.nn.normalization import group_norm, zeroed


class ResBlock(nn.Module):
    """x + two times (normalise, SiLU, 3x3 convolution); the time, where there is one, is added in between.

    x `(B, in_channels, H, W)`, time `(B, time_dim)` -> `(B, out_channels, H, W)`.
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
    ):
        super().__init__()
        self.norm1 = group_norm(in_channels, eps, groups)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.time_proj = nn.Linear(time_dim, out_channels) if time_dim else None
        self.norm2 = group_norm(out_channels, eps, groups)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1))
        self.skip = nn.Identity() if in_channels == out_channels else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        if self.time_proj is not None:
            h = h + self.time_proj(F.silu(time))[:, :, None, None]
        h = self.conv2(self.dropout(F.silu(self.norm2(h))))
        return self.skip(x) + h
