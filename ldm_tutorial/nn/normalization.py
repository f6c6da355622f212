"""Group normalisation for any number of channels, and layers that start as zero."""

from math import gcd

from torch import nn


def group_norm(channels: int, eps: float, groups: int | None = None) -> nn.GroupNorm:
    """GroupNorm of as many groups as `fitting_groups` says."""
    return nn.GroupNorm(fitting_groups(channels, groups), channels, eps=eps)


def fitting_groups(channels: int, groups: int | None = None) -> int:
    """32 groups, fewer where a group would have less than four channels, or `groups`.

    A group of one channel would subtract what a residual block adds to it for the time. Where `groups` don't
    divide the channels, their greatest common divisor takes their place.
    """
    if groups is None:
        groups = max(g for g in (1, 2, 4, 8, 16, 32) if g == 1 or (4 * g <= channels and channels % g == 0))
    return gcd(groups, channels)


def zeroed(module: nn.Module) -> nn.Module:
    """The module with its parameters at zero: a residual branch that ends in it starts as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module
