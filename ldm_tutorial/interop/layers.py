"""Copying the weights of single layers from diffusers, which is not imported: attributes suffice."""

import torch
from torch import Tensor, nn

from ldm_tutorial.nn import Attention, ImageSelfAttention, ResBlock


def require(config: dict, **accepted: object) -> None:
    """Raise ValueError where a setting of their config is none of the values that our network can have.

    A setting that their config lacks passes: it belongs to another version of diffusers.
    """
    for name, values in accepted.items():
        values = values if isinstance(values, tuple) else (values,)
        if name in config and config[name] not in values:
            raise ValueError(f"{name}={config[name]!r} has no counterpart here; it must be one of {values}")


def only_value(config: dict, name: str) -> int:
    """A setting that may be given for each level, but must be the same at all of them."""
    value = config[name]
    if isinstance(value, int):
        return value
    if len(set(value)) != 1:
        raise ValueError(f"{name}={value} differs between levels; this network has one value for all of them")
    return value[0]


def channel_mult(widths: list[int]) -> tuple[int | float, ...]:
    """The widths of the levels as multiples of the first."""
    return tuple(width // widths[0] if width % widths[0] == 0 else width / widths[0] for width in widths)


def levels_with_attention(
    config: dict, plain: list[tuple[str, str]], attending: tuple[str, str]
) -> list[int]:
    """The levels, 0 the finest, that have attention.

    `plain` and `attending` name block types of the way down and the way up; ValueError for others, and where
    the two ways differ.
    """
    levels = []
    down, up = config["down_block_types"], reversed(config["up_block_types"])
    for level, (below, above) in enumerate(zip(down, up, strict=True)):
        if (below, above) == attending:
            levels.append(level)
        elif below not in [pair[0] for pair in plain] or above not in [pair[1] for pair in plain]:
            accepted = " or ".join(map(str, [*plain, attending]))
            raise ValueError(f"blocks {(below, above)} of level {level} must be {accepted}")
    return levels


def load(ours: nn.Module, weights: dict[str, Tensor]) -> None:
    """Give a layer built on the meta device copies of these weights."""
    ours.load_state_dict({name: weight.detach().clone() for name, weight in weights.items()}, assign=True)


def copy(ours: nn.Module, theirs: nn.Module) -> None:
    """A layer that is the same in both libraries."""
    load(ours, theirs.state_dict())


def copy_on_tokens(ours: nn.Linear, theirs: nn.Linear | nn.Conv2d) -> None:
    """A linear layer, from one or from the 1x1 convolution that does the same."""
    load(ours, {"weight": theirs.weight.flatten(1), "bias": theirs.bias})


def copy_res_block(ours: ResBlock, theirs: nn.Module) -> None:
    copy(ours.norm1, theirs.norm1)
    copy(ours.conv1, theirs.conv1)
    copy(ours.norm2, theirs.norm2)
    copy(ours.conv2, theirs.conv2)
    if ours.time_proj is not None:
        copy(ours.time_proj, theirs.time_emb_proj)
    if isinstance(ours.skip, nn.Conv2d):
        copy(ours.skip, theirs.conv_shortcut)


def copy_attention(ours: Attention, theirs: nn.Module) -> None:
    def stacked(*layers: nn.Linear) -> dict[str, Tensor]:
        states = [layer.state_dict() for layer in layers]
        return {name: torch.cat([state[name] for state in states]) for name in states[0]}

    if ours.is_cross:
        copy(ours.to_q, theirs.to_q)
        load(ours.to_kv, stacked(theirs.to_k, theirs.to_v))
    else:
        load(ours.to_qkv, stacked(theirs.to_q, theirs.to_k, theirs.to_v))
    copy(ours.to_out, theirs.to_out[0])


def copy_image_attention(ours: ImageSelfAttention, theirs: nn.Module) -> None:
    copy(ours.norm, theirs.group_norm)
    copy_attention(ours.attention, theirs)


def check_complete(ours: nn.Module, theirs: nn.Module) -> None:
    """Raise ValueError if a weight of ours was not filled or one of theirs not used."""
    missing = [name for name, weight in ours.named_parameters() if weight.is_meta]
    sizes = [sum(weight.numel() for weight in module.parameters()) for module in (ours, theirs)]
    if missing or sizes[0] != sizes[1]:
        raise ValueError(
            f"{type(theirs).__name__} with {sizes[1]:,} parameters does not map onto {type(ours).__name__} "
            f"with {sizes[0]:,}; not filled: {missing[:3] or 'none'}"
        )
