import pytest
import torch

from ldm_tutorial.nn import Conv3x3
from ldm_tutorial.nn.convolution import SmallConv3x3

SMALL, LARGE = (2, 8, 3, 5), (3, 4, 8, 8)  # fewer and more places than 9 channels


def build(channels, out=6):
    torch.manual_seed(0)
    return Conv3x3(channels, out).to(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", [SMALL, LARGE])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradients_are_those_of_a_convolution(shape, layout):
    ours = build(shape[1])
    theirs = torch.nn.Conv2d(shape[1], 6, 3, padding=1)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(shape).to(memory_format=layout).requires_grad_()
    towards = torch.randn(shape[0], 6, *shape[2:])
    torch.testing.assert_close(ours(x), theirs(x))
    mine = torch.autograd.grad(ours(x), (x, *ours.parameters()), towards)
    expected = torch.autograd.grad(theirs(x), (x, *theirs.parameters()), towards)
    for name, a, b in zip(("x", "weight", "bias"), mine, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4, msg=lambda m, n=name: f"gradient of {n}: {m}")


@pytest.mark.parametrize(("shape", "by_hand"), [(SMALL, True), (LARGE, False)])
def test_the_product_is_taken_where_it_is_faster(shape, by_hand):
    x = torch.randn(shape).to(memory_format=torch.channels_last)
    node = build(shape[1])(x).grad_fn
    assert isinstance(node, SmallConv3x3._backward_cls) == by_hand


def test_gradients_of_weights_keep_the_layout_of_weights():
    """A gradient in another layout would be copied at every step."""
    layer = build(8)
    layer(torch.randn(SMALL).to(memory_format=torch.channels_last)).sum().backward()
    assert layer.weight.grad.stride() == layer.weight.stride()


def test_frozen_weights_get_no_gradient():
    layer = build(8).requires_grad_(False)
    x = torch.randn(SMALL).to(memory_format=torch.channels_last).requires_grad_()
    layer(x).sum().backward()
    assert layer.weight.grad is None and x.grad.abs().sum() > 0


def test_it_trains_in_bfloat16_under_autocast():
    layer, x = build(8), torch.randn(SMALL).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(x)
    out.float().sum().backward()
    assert out.dtype == torch.bfloat16 and layer.weight.grad.dtype == torch.float32
