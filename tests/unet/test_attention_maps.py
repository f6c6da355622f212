"""Attention maps: the weights that were used, and no trace left behind."""

import pytest
import torch

from ldm_tutorial.nn import Attention
from ldm_tutorial.unet import UNet, UNetConfig, attention_maps

CONFIG = UNetConfig(
    channels=16, channel_mult=(1, 2), res_blocks=1, attention=(1, 2), head_channels=8, context_dim=6
)
LAYERS = ["down.0.blocks.0", "down.1.blocks.0", "middle.0"]
LAYERS += ["up.0.blocks.0", "up.0.blocks.1", "up.1.blocks.0", "up.1.blocks.1"]


@pytest.fixture(scope="module")
def unet():
    torch.manual_seed(0)
    unet = UNet(CONFIG).eval().requires_grad_(False)
    for parameter in unet.parameters():
        parameter += 0.1 * torch.randn_like(parameter)
    return unet


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    mask = torch.arange(5) < torch.tensor([[5], [3]])
    z, context = torch.randn(2, 4, 4, 8, generator=generator), torch.randn(2, 5, 6, generator=generator)
    return z, torch.tensor([7, 7]), context, mask


def test_the_output_is_the_same_and_nothing_is_kept_outside(unet, inputs):
    plain = unet(*inputs)
    with attention_maps(unet) as maps:
        torch.testing.assert_close(unet(*inputs), plain, atol=1e-5, rtol=1e-5)
    kept = len(maps)
    assert torch.equal(unet(*inputs), plain), "outside of the context the network must be as it was"
    assert len(maps) == kept and not unet._forward_pre_hooks
    assert not any("attend" in vars(module) for module in unet.modules())


def test_an_error_inside_leaves_no_trace(unet, inputs):
    with pytest.raises(ValueError, match="context"), attention_maps(unet):
        unet(inputs[0], inputs[1])
    assert not unet._forward_pre_hooks and not any("attend" in vars(m) for m in unet.modules())


def test_they_are_shares_for_each_layer_head_token_and_step(unet, inputs):
    with attention_maps(unet) as maps:
        unet(*inputs)
        unet(inputs[0], torch.tensor([3, 3]), *inputs[2:])
    assert maps.timesteps == [7, 3]
    assert maps.layers == [f"{name}.attention.blocks.0.cross_attention" for name in LAYERS]
    fine, coarse = maps[0].weights, maps[1].weights
    assert fine.shape == (2, 2, 4, 8, 5) and coarse.shape == (2, 4, 2, 4, 5), (
        "places keep their rows and columns"
    )
    for each in maps:
        torch.testing.assert_close(each.weights.sum(-1), torch.ones(each.weights.shape[:-1]))
        assert not each.weights[1, ..., 3:].any(), "padded tokens must get nothing"


def test_they_are_the_weights_of_the_formula():
    torch.manual_seed(0)
    attention = Attention(16, heads=2, context_dim=6)
    network = torch.nn.Sequential(attention)
    network.forward = lambda z, _t, context: attention(z.flatten(2).transpose(1, 2), context)
    z, context = torch.randn(3, 16, 2, 3), torch.randn(3, 4, 6)
    with attention_maps(network) as maps:
        network(z, torch.tensor([1]), context)
    q = attention.to_q(z.flatten(2).transpose(1, 2)).unflatten(-1, (2, 8)).transpose(1, 2)
    k = attention.to_kv(context)[..., :16].unflatten(-1, (2, 8)).transpose(1, 2)
    expected = torch.softmax(q @ k.transpose(-1, -2) / 8**0.5, dim=-1)
    torch.testing.assert_close(maps[0].weights.flatten(2, 3), expected)


def test_what_is_not_chosen_is_averaged(unet, inputs):
    with attention_maps(unet) as maps:
        unet(*inputs)
        unet(inputs[0], torch.tensor([3, 3]), *inputs[2:])
    whole = maps.of()
    assert whole.shape == (2, 5, 4, 8)
    torch.testing.assert_close(whole.sum(1), torch.ones(2, 4, 8), msg="shares still sum to 1 everywhere")
    layer = maps.layers[1]
    one = maps.of(token=2, layer=layer, head=3, step=-1)
    expected = next(each.weights for each in maps if each.call == 1 and each.layer == layer)
    assert torch.equal(one, expected[:, 3, :, :, 2])
    each = torch.stack([maps.of(token=2, step=k) for k in (0, 1)])
    torch.testing.assert_close(maps.of(token=2), each.mean(0))


def test_the_last_rows_are_those_that_guidance_puts_last(unet, inputs):
    with attention_maps(unet) as every:
        unet(*inputs)
    with attention_maps(unet, images=1) as last:
        unet(*inputs)
    assert all(torch.equal(b.weights, a.weights[-1:]) for a, b in zip(every, last, strict=True))


def test_self_attention_too(unet, inputs):
    with attention_maps(unet, kind="self") as maps:
        unet(*inputs)
    assert maps[0].weights.shape == (2, 2, 4, 8, 32)
    plain = UNet(UNetConfig(channels=16, channel_mult=(1, 2), res_blocks=1, attention=(2,), head_channels=8))
    with attention_maps(plain, kind="self") as maps:
        plain(*inputs[:2])
    assert maps.layers[0] == "down.1.blocks.0.attention.attention"


def test_messages(unet, inputs):
    with attention_maps(unet) as maps:
        unet(*inputs)
    with pytest.raises(ValueError, match="step is 1; 1 calls of the network were recorded"):
        maps.of(step=1)
    with pytest.raises(ValueError, match="layer is 'top'; it must be one of down.0"):
        maps.of(layer="top")
    with (
        pytest.raises(ValueError, match="no cross-attention to read out"),
        attention_maps(torch.nn.Linear(2, 2)),
    ):
        pass
