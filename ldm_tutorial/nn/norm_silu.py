"""Normalise, let the time scale and shift, SiLU: what stands before every convolution of a residual block."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.nn.normalization import fitting_groups


class NormSiLU(nn.GroupNorm):
    """SiLU(GroupNorm(x) * (1 + scale) + shift). x `(B, C, H, W)`, scale and shift `(B, C)` -> `(B, C, H, W)`.

    Wu & He 2018; scale and shift are those of Nichol & Dhariwal 2021, section 2.
    """

    def __init__(self, channels: int, eps: float, groups: int | None = None):
        super().__init__(fitting_groups(channels, groups), channels, eps=eps)

    def forward(self, x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        narrow = self.num_channels < 8 * self.num_groups  # a group does not fill a vector register
        if narrow and not torch.is_grad_enabled() and is_channels_last_on_cpu(x, self.weight):
            return self.as_a_line(x, scale, shift)
        h = super().forward(x)
        if scale is not None:
            h = h * (1 + scale[:, :, None, None]) + shift[:, :, None, None]
        return F.silu(h)

    def as_a_line(self, x: Tensor, scale: Tensor | None, shift: Tensor | None) -> Tensor:
        """The same as SiLU(a x + b) with an a and a b for every channel of every image.

        For sampling on a CPU: PyTorch's kernel for channels_last takes five times as long where groups are
        narrow, as it goes from group to group in place of along the memory.
        """
        b, c, h, w = x.shape
        rows, grouped = x.permute(0, 2, 3, 1).view(b, h * w, c), (b, self.num_groups, -1)
        means = rows.mean(1, keepdim=True)
        out = rows - means
        variances, means = out.square_().mean(1).view(grouped), means.view(grouped)
        mean = means.mean(2, keepdim=True)
        variance = (variances + (means - mean).square()).mean(2, keepdim=True)
        slope = (variance + self.eps).rsqrt() * self.weight.view(1, *grouped[1:])
        offset = self.bias.view(1, *grouped[1:]) - mean * slope
        slope, offset = slope.view(b, 1, c), offset.view(b, 1, c)
        if scale is not None:
            slope, offset = slope * (1 + scale[:, None]), offset * (1 + scale[:, None]) + shift[:, None]
        torch.addcmul(offset, rows, slope, out=out)
        return F.silu(out, inplace=True).view(b, h, w, c).permute(0, 3, 1, 2)


def is_channels_last_on_cpu(x: Tensor, weight: Tensor) -> bool:
    """True where a layer may take the way that is faster on a CPU, for float32 in channels_last."""
    return (
        x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.is_contiguous(memory_format=torch.channels_last)
    )
