"""Group normalisation for any number of channels, and layers that start as zero."""

from math import gcd

from torch import nn


def group_norm(channels: int, eps: float, groups: int = 32) -> nn.GroupNorm:
    """GroupNorm of `groups` groups, or of their greatest common divisor with `channels`."""
    return nn.GroupNorm(gcd(groups, channels), channels, eps=eps)


def zeroed(module: nn.Module) -> nn.Module:
    """The module with its parameters at zero: a residual branch that ends in it starts as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module
