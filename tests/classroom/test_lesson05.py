"""Lesson 05: its solutions are what the package does, and its ablations take away what they say."""

from dataclasses import replace

import pytest
import torch
from tiny import UNET
from torch import nn

from ldm_tutorial.classroom.lessons import stable_counts, unet_field, unet_sizes, unet_time
from ldm_tutorial.classroom.lessons.unet_ablations import (
    WithoutSkips,
    WithoutTime,
    fit,
    loss_by_level,
    seen,
)
from ldm_tutorial.classroom.lessons.unet_drawing import draw_u
from ldm_tutorial.classroom.lessons.unet_pictures import fields, heat, places, where
from ldm_tutorial.diffusion import NoiseSchedule
from ldm_tutorial.nn import NormSiLU, ResBlock, timestep_embedding
from ldm_tutorial.unet import UNet, UNetConfig, count_blocks

SHAPE = UNetConfig(
    channels=16, channel_mult=(1, 2), res_blocks=1, attention=(2,), head_channels=16, norm_groups=8
)
SCHEDULE = NoiseSchedule.linear()


def noisy(network):
    """The same network, none of its weights at the zeros that it begins with."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    return network.eval()


@pytest.fixture
def z():
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))


def test_the_embedding_is_the_packages():
    t = torch.tensor([0, 7, 500, 999])
    torch.testing.assert_close(unet_time.time_embedding(t, 32), timestep_embedding(t, 32), atol=1e-4, rtol=0)


def test_scale_and_shift_are_the_packages():
    h, vector = torch.randn(2, 8, 4, 4), torch.randn(2, 16)
    norm = NormSiLU(8, 1e-5, groups=4)
    normalised = nn.functional.group_norm(h, 4, norm.weight, norm.bias, 1e-5)
    expected = nn.functional.silu(unet_time.scale_shift(normalised, vector))
    torch.testing.assert_close(norm(h, *vector.chunk(2, dim=1)), expected)


@pytest.mark.parametrize("config", [SHAPE, UNET, stable_counts.STABLE_DIFFUSION], ids=["small", "tiny", "SD"])
def test_channels_on_the_way_up_are_those_of_the_network(config):
    with torch.device("meta"):
        unet = UNet(config)
    found = [block.res.norm1.num_channels for level in unet.up for block in level.blocks]
    assert unet_sizes.channels_on_the_way_up(config.widths, config.res_blocks) == found


@pytest.mark.parametrize(("c_in", "c_out"), [(8, 8), (8, 16), (16, 8)])
def test_parameters_of_a_residual_block(c_in, c_out):
    block = ResBlock(c_in, c_out, 24)
    assert unet_sizes.res_block_parameters(c_in, c_out, 24) == stable_counts.count(block)


@pytest.mark.parametrize("layers", [[(3, 1)] * 4, [(3, 1), (3, 2), (3, 1), (3, 1)], [(5, 2), (3, 2), (3, 1)]])
def test_the_receptive_field_is_what_gradients_say(layers):
    found = unet_field.influence(unet_field.plain_network(layers), torch.randn(1, 1, 64, 64))
    assert unet_field.field_side(found) == unet_field.receptive_field(layers)
    assert found.sum().item() == pytest.approx(1)


def test_reach_is_the_square_that_holds_the_share():
    spread = torch.zeros(9, 9)
    spread[4, 4], spread[4, 1] = 0.6, 0.4
    assert unet_field.reach(spread, 0.5) == 1
    assert unet_field.reach(spread, 0.9) == 7
    assert unet_field.reach(5 * spread, 0.9) == 7, "a share of the whole, however strong it is"
    with pytest.raises(ValueError, match="share is 2"):
        unet_field.reach(spread, 2)


def test_without_skips_nothing_passes_by_the_bottom(z):
    """The bottom is silenced: then a network with skips still sees its input, and one without does not."""
    t, seen_by = torch.tensor([3, 3]), {}
    for kind in (UNet, WithoutSkips):
        network = noisy(kind(SHAPE))
        network.middle[-1].register_forward_hook(lambda _module, _inputs, output: torch.zeros_like(output))
        seen_by[kind] = (network(z, t) - network(-z, t)).abs().max().item()
    assert seen_by[UNet] > 1e-3
    assert seen_by[WithoutSkips] == 0


def test_without_skips_it_has_as_many_weights_and_still_sees_its_input(z):
    network, t = noisy(WithoutSkips(SHAPE)), torch.tensor([3, 3])
    assert stable_counts.count(network) == stable_counts.count(UNet(SHAPE))
    assert (network(z, t) - network(-z, t)).abs().max() > 1e-3


def test_without_time_every_time_is_the_same(z):
    early, late = torch.tensor([3, 3]), torch.tensor([900, 900])
    deaf = noisy(WithoutTime(SHAPE))
    assert torch.equal(deaf(z, early), deaf(z, late))
    hearing = noisy(UNet(SHAPE))
    assert not torch.allclose(hearing(z, early), hearing(z, late))


def test_fits_are_the_same_twice(z):
    losses = []
    for _ in range(2):
        torch.manual_seed(0)
        losses.append(fit(UNet(SHAPE), z, SCHEDULE, 4, "training"))
    assert losses[0] == losses[1], "networks can only be compared on the same draws"


def test_a_fit_learns(z):
    torch.manual_seed(0)
    network, levels = UNet(SHAPE), [300, 800]
    assert loss_by_level(network.eval(), z, SCHEDULE, [900])[0] == pytest.approx(1, rel=0.2)
    fit(network, z, SCHEDULE, 60, "training")
    assert sum(loss_by_level(network, z, SCHEDULE, levels)) < 2, "better than always answering 0"
    assert not network.training


def test_what_is_seen_without_noise_is_the_latent(z):
    network = UNet(SHAPE).eval()  # its last layer is zero: it says v = 0
    z_t, x0 = seen(network, z, SCHEDULE, 0)
    torch.testing.assert_close(x0, z_t * SCHEDULE.alphas_cumprod[0].sqrt().float())


def test_counts_of_stable_diffusion_are_the_released_ones():
    assert stable_counts.parameters_by_place() == stable_counts.RELEASED
    assert sum(stable_counts.RELEASED.values()) == 859_520_964


def test_the_released_counts_are_diffusers():
    diffusers = pytest.importorskip("diffusers")
    with torch.device("meta"):
        theirs = diffusers.UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
    found = {"time": theirs.time_embedding, "conv_in": theirs.conv_in, "middle": theirs.mid_block}
    found |= {f"down {level}": block for level, block in enumerate(theirs.down_blocks)}
    found |= {f"up {level}": block for level, block in enumerate(theirs.up_blocks)}
    found |= {"out": nn.ModuleList([theirs.conv_norm_out, theirs.conv_out])}
    assert {place: stable_counts.count(module) for place, module in found.items()} == stable_counts.RELEASED


def test_the_proof_that_is_shown_is_the_test():
    shown = stable_counts.proof()
    assert "def test_full_size" in shown.code and "unet_from_diffusers(theirs)" in shown.code
    assert shown.place.startswith("tests/interop/test_stable_diffusion_unets.py, lines ")


def test_places_hold_everything_once():
    blocks = count_blocks(SHAPE, 8, 8)
    sums = places(blocks)
    assert list(sums) == ["down 0", "down 1", "middle", "up 0", "up 1", "ends"]
    assert sum(entry["parameters"] for entry in sums.values()) == sum(b.parameters for b in blocks)
    assert where(blocks, "Where it is").png


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_a_u_is_drawn_of_any_number_of_levels(levels):
    config = replace(SHAPE, channel_mult=(1,) * levels, attention=())
    assert draw_u(count_blocks(config, 16, 16), "A U").png


def test_pictures_are_drawn():
    assert heat(timestep_embedding(torch.arange(50), 16), "Waves", marked=8).description == "Waves"
    assert fields({"a": torch.rand(4, 4), "b": torch.rand(4, 4)}, "Two fields").description == "Two fields"
