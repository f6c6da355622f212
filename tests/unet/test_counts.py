import dataclasses

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from ldm_tutorial.unet import UNet, UNetConfig, count_blocks

SMALL = UNetConfig(
    channels=16, channel_mult=(1, 2), res_blocks=1, attention=(2,), head_channels=8, context_dim=6
)
CONFIGS = {
    "conditional": SMALL,
    "unconditional": dataclasses.replace(SMALL, context_dim=None),
    "adm": dataclasses.replace(SMALL, use_scale_shift_norm=True, resblock_updown=True, added_dim=3),
}
TOKENS = 5


def run(config, batch):
    """A real U-Net, its forward pass counted by PyTorch, and the bytes that it keeps."""
    unet = UNet(config).to(memory_format=torch.channels_last)
    context = torch.randn(batch, TOKENS, config.context_dim) if config.context_dim else None
    added = torch.randn(batch, config.added_dim) if config.added_dim else None
    kept = {p.data_ptr(): None for p in unet.parameters()}

    def keep(tensor):
        kept.setdefault(tensor.untyped_storage().data_ptr(), tensor.untyped_storage())
        return tensor

    with FlopCounterMode(display=False) as flops, saved_tensors_hooks(keep, lambda tensor: tensor):
        unet(torch.randn(batch, 4, 8, 12), torch.zeros(batch).long(), context, added=added)
    return unet, flops.get_total_flops(), sum(s.nbytes() for s in kept.values() if s is not None)


@pytest.mark.parametrize("name", CONFIGS)
def test_totals_are_those_of_a_real_run(name):
    config = CONFIGS[name]
    blocks = count_blocks(config, 8, 12, TOKENS)
    unet, flops, kept = run(config, batch=3)
    assert sum(b.parameters for b in blocks) == sum(p.numel() for p in unet.parameters())
    assert 3 * sum(b.flops for b in blocks) == flops, "the count should be that of PyTorch's own counter"
    counted = sum(3 * b.kept + b.kept_once for b in blocks)
    assert counted == pytest.approx(kept, rel=0.01), "kept should be what autograd keeps"


def test_blocks_are_named_and_shaped_in_the_order_in_which_they_run():
    blocks = {b.name: b for b in count_blocks(SMALL, 8, 12, TOKENS)}
    assert list(blocks) == [
        "time",
        "conv_in",
        "down 0.0 residual",
        "down 0 resample",
        "down 1.0 residual",
        "down 1.0 attention",
        "middle 0 residual",
        "middle 0 attention",
        "middle 1 residual",
        "up 0.0 residual",
        "up 0.0 attention",
        "up 0.1 residual",
        "up 0.1 attention",
        "up 0 resample",
        "up 1.0 residual",
        "up 1.1 residual",
        "norm_out",
        "conv_out",
    ]
    assert blocks["down 0 resample"].shape == (16, 4, 6)
    assert blocks["up 0 resample"].shape == (32, 8, 12)


def test_single_blocks_by_hand():
    blocks = {b.name: b for b in count_blocks(SMALL, 8, 12, TOKENS)}
    assert blocks["conv_in"].flops == 2 * 9 * 4 * 16 * 8 * 12, "two for each weight and place"
    places, time = 8 * 12, 16 * 64
    assert blocks["down 0.0 residual"].flops == 2 * (2 * 9 * 16 * 16 * places + time)
    norms, convolutions = 2 * 2 * 16, 2 * (9 * 16 * 16 + 16)
    assert blocks["down 0.0 residual"].parameters == norms + convolutions + time + 16


def test_nothing_is_computed():
    """Stable Diffusion's U-Net is counted without its 3.4 GB."""
    blocks = count_blocks(
        UNetConfig(4, 4, 320, (1, 2, 4, 4), 2, (4, 2, 1), heads=8, context_dim=768), 64, 64, 77
    )
    assert sum(b.parameters for b in blocks) == 859_520_964
    assert sum(b.flops for b in blocks) == pytest.approx(0.8e12, rel=0.2), "0.8 TFLOP, as is known"
