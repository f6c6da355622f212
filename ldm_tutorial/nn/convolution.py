"""The 3x3 convolution of a residual block."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input

from ldm_tutorial.nn.norm_silu import is_channels_last_on_cpu


class Conv3x3(nn.Conv2d):
    """3x3 convolution that keeps the size. `(B, in_channels, H, W)` -> `(B, out_channels, H, W)`.

    On a CPU, where a batch has fewer places than a patch has numbers (in the lower levels of a U-Net), the
    gradient of the weights is taken by one matrix product: up to twice as fast as PyTorch's kernel for it.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        places, patch = x.numel() // x.shape[1], 9 * x.shape[1]
        learns = torch.is_grad_enabled() and not torch.is_autocast_enabled("cpu")
        if learns and places <= patch and is_channels_last_on_cpu(x, self.weight):
            return SmallConv3x3.apply(x, self.weight, self.bias)
        return super().forward(x)


class SmallConv3x3(torch.autograd.Function):
    """The same convolution with the gradient of its weights written out."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, padding=1)

    @staticmethod
    @once_differentiable
    def backward(ctx, towards: Tensor):
        x, weight = ctx.saved_tensors
        to_x = conv2d_input(x.shape, weight, towards, padding=1) if ctx.needs_input_grad[0] else None
        to_places = rearrange(towards, "b o h w -> o (b h w)")
        to_weight = rearrange(to_places @ patches(x), "o (y x i) -> o i y x", y=3, x=3)
        return to_x, to_weight, to_places.sum(1)


def patches(x: Tensor) -> Tensor:
    """The 3x3 pixels around every place, zeros beyond the border. `(B, C, H, W)` -> `(B H W, 9 C)`."""
    windows = F.pad(x, (1, 1, 1, 1)).unfold(2, 3, 1).unfold(3, 3, 1)
    return rearrange(windows, "b c h w y x -> (b h w) (y x c)")
