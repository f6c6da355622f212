"""The encoder half: what a U-Net and a ControlNet, which is a copy of it, do alike."""

from torch import Tensor, nn

from ldm_tutorial.nn import check_images


def time_vector(network: nn.Module, t: Tensor, added: Tensor | None) -> Tensor:
    """What every residual block hears, `(B, time_dim)`: the timestep, and what was added to it."""
    time = network.time(t)
    return time if added is None else time + network.added(added)


def way_down(
    network: nn.Module, h: Tensor, time: Tensor, context: Tensor | None, mask: Tensor | None
) -> tuple[Tensor, list[Tensor]]:
    """From the first feature map through the middle to the lowest one; and the skip connections to it."""
    skips = [h]
    for level in network.down:
        for block in level.blocks:
            h = block(h, time, context, mask)
            skips.append(h)
        if level.resample is not None:
            h = level.change_size(h, time)
            skips.append(h)
    for block in network.middle:
        h = block(h, time, context, mask)
    return h, skips


def check_inputs(network: nn.Module, z: Tensor, t: Tensor, context, mask, added) -> None:
    """Raise ValueError, naming the input, where one does not fit the network."""
    config = network.config
    check_images(z, "z", config.in_channels, config.downsampling)
    if t.ndim > 1 or t.numel() not in (1, len(z)):
        raise ValueError(f"t must have shape ({len(z)},), got {tuple(t.shape)}")
    width = config.context_dim
    if width is None and context is not None:
        raise ValueError("context was given, but this U-Net has no cross-attention (context_dim is None)")
    if width is not None and context is None:
        raise ValueError(f"context is missing: this U-Net needs (B, M, {width}) tokens")
    if context is not None and (context.ndim != 3 or len(context) != len(z) or context.shape[2] != width):
        raise ValueError(f"context must have shape ({len(z)}, M, {width}), got {tuple(context.shape)}")
    if context is not None and mask is not None and mask.shape != context.shape[:2]:
        expected, got = tuple(context.shape[:2]), tuple(mask.shape)
        raise ValueError(f"mask must have the shape {expected} of the context's tokens, got {got}")
    expected = None if config.added_dim is None else (len(z), config.added_dim)
    got = None if added is None else tuple(added.shape)
    if got != expected:
        raise ValueError(f"added must be {expected or 'left out'} for this U-Net, got {got or 'nothing'}")
