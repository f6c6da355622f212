"""Where a U-Net has its parameters, its arithmetic and its memory, counted without running it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from ldm_tutorial.unet.blocks import Block, Level
from ldm_tutorial.unet.config import UNetConfig
from ldm_tutorial.unet.unet import UNet


@dataclass(frozen=True)
class BlockCount:
    """What one block of a U-Net holds and does, for one image.

    `shape`: of its output, without the batch. `flops`: of its forward pass, a multiplication and an addition
    being two. `kept`: bytes that wait for the backward pass in float32; what several blocks use counts where
    it is used first. `kept_once`: the part of them that does not grow with the batch.
    """

    name: str
    shape: tuple[int, ...]
    parameters: int
    flops: int
    kept: int
    kept_once: int = 0


def count_blocks(config: UNetConfig, height: int, width: int, tokens: int = 0) -> list[BlockCount]:
    """The blocks of a U-Net in the order in which they run, on latents of this size and so many tokens.

    Only shapes are computed: no weights are made, whatever their number.
    """
    one, two = (run_without_numbers(config, batch, height, width, tokens) for batch in (1, 2))
    return [
        replace(first, kept=second.kept - first.kept, kept_once=2 * first.kept - second.kept)
        for first, second in zip(one, two, strict=True)
    ]


def named_blocks(unet: UNet) -> Iterator[tuple[str, nn.Module]]:
    """The parts of a U-Net in the order in which they run."""
    yield "time", unet.time
    if unet.added is not None:
        yield "added", unet.added
    yield "conv_in", unet.conv_in
    yield from parts_of_levels("down", unet.down)
    yield from parts_of("middle ", unet.middle)
    yield from parts_of_levels("up", unet.up)
    yield "norm_out", unet.norm_out
    yield "conv_out", unet.conv_out


def parts_of_levels(way: str, levels: Iterable[Level]) -> Iterator[tuple[str, nn.Module]]:
    """The blocks of every level on the way down or up, and what changes the resolution."""
    for number, level in enumerate(levels):
        yield from parts_of(f"{way} {number}.", level.blocks)
        if level.resample is not None:
            yield f"{way} {number} resample", level.resample


def parts_of(place: str, blocks: Iterable[Block]) -> Iterator[tuple[str, nn.Module]]:
    """The residual blocks of a level and their attention."""
    for index, block in enumerate(blocks):
        yield f"{place}{index} residual", block.res
        if not isinstance(block.attention, nn.Identity):
            yield f"{place}{index} attention", block.attention


def run_without_numbers(config: UNetConfig, batch: int, height: int, width: int, tokens: int):
    """One forward pass with tensors that have a shape and no content; `kept` is that of the whole batch."""
    counts, kept = [], {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept.setdefault(storage._cdata, storage)
        return tensor

    def so_far() -> tuple[int, int]:
        return flops.get_total_flops(), sum(storage.nbytes() for storage in kept.values())

    with FakeTensorMode():
        unet = UNet(config)
        z, t = torch.zeros(batch, config.in_channels, height, width), torch.zeros(batch, dtype=torch.long)
        context = torch.zeros(batch, tokens, config.context_dim) if config.context_dim else None
        added = torch.zeros(batch, config.added_dim) if config.added_dim else None
        for parameter in unet.parameters():
            keep(parameter)
        flops, starts = FlopCounterMode(display=False), {}

        def before(module, _inputs):
            starts[module] = so_far()

        def after(module, _inputs, output, name):
            done, held = (now - start for now, start in zip(so_far(), starts[module], strict=True))
            parameters = sum(p.numel() for p in module.parameters())
            counts.append(BlockCount(name, tuple(output.shape[1:]), parameters, done // batch, held))

        for name, module in named_blocks(unet):
            module.register_forward_pre_hook(before)
            module.register_forward_hook(lambda m, i, o, name=name: after(m, i, o, name))
        with flops, saved_tensors_hooks(keep, lambda tensor: tensor):
            unet(z, t, context, added=added)
    return counts
