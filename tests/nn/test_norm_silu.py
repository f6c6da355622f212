import pytest
import torch
import torch.nn.functional as F

from ldm_tutorial.nn import NormSiLU

LAYOUTS = [torch.contiguous_format, torch.channels_last]


def build(channels, groups):
    torch.manual_seed(0)
    layer = NormSiLU(channels, 1e-5, groups)
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    return layer


def by_definition(layer, x, scale, shift):
    x = x.double()
    groups = x.reshape(len(x), layer.num_groups, -1)
    mean, variance = groups.mean(2, keepdim=True), groups.var(2, keepdim=True, correction=0)
    h = ((groups - mean) / (variance + layer.eps).sqrt()).view(x.shape)
    h = h * layer.weight.double()[:, None, None] + layer.bias.double()[:, None, None]
    return F.silu(h * (1 + scale.double()[:, :, None, None]) + shift.double()[:, :, None, None])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("groups", [2, 8])  # of twelve and of three channels: PyTorch's kernel, and ours
@pytest.mark.parametrize("learns", [True, False])
def test_it_is_the_formula_in_every_layout_with_and_without_gradients(layout, groups, learns):
    layer = build(24, groups)
    x = (3 + 5 * torch.randn(2, 24, 5, 6)).to(memory_format=layout)
    scale, shift = torch.randn(2, 24), torch.randn(2, 24)
    with torch.set_grad_enabled(learns):
        modulated, plain = layer(x, scale, shift), layer(x)
    assert modulated.is_contiguous(memory_format=layout), "the layout should stay"
    expected = by_definition(layer, x, scale, shift).float()
    torch.testing.assert_close(modulated, expected, atol=1e-5, rtol=1e-4)
    zero = torch.zeros(2, 24)
    torch.testing.assert_close(plain, by_definition(layer, x, zero, zero).float(), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_large_mean_costs_no_more_precision_than_elsewhere():
    """The variance is that of x - mean: E[x^2] - E[x]^2 would lose it in rounding."""
    layer = build(16, 8)
    x = 1000 + torch.randn(2, 16, 8, 8)
    zero = torch.zeros(2, 16)
    expected = by_definition(layer, x, zero, zero).float()
    ours = layer(x.to(memory_format=torch.channels_last))
    torch.testing.assert_close(ours, expected, atol=2e-3, rtol=2e-3)


def test_scale_and_shift_are_applied_to_each_image_alone():
    layer = build(8, 2)
    x, scale, shift = torch.randn(3, 8, 4, 4), torch.randn(3, 8), torch.randn(3, 8)
    together = layer(x, scale, shift)
    torch.testing.assert_close(together[1:2], layer(x[1:2], scale[1:2], shift[1:2]))
