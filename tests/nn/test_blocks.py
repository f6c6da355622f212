import pytest
import torch

from ldm_tutorial.nn import Downsample, ResBlock, Upsample, check_images, group_norm


@pytest.mark.parametrize(
    ("channels", "groups"),
    [(320, 32), (224, 32), (128, 32), (96, 16), (48, 8), (32, 8), (24, 4), (8, 2), (4, 1), (3, 1), (1, 1)],
)
def test_group_norm_takes_any_number_of_channels(channels, groups):
    assert group_norm(channels, 1e-5).num_groups == groups


def test_group_norm_takes_the_groups_it_is_given():
    assert group_norm(32, 1e-5, groups=32).num_groups == 32
    assert group_norm(48, 1e-5, groups=32).num_groups == 16


def test_group_norm_normalises_each_group_of_each_image():
    x = 3 + 5 * torch.randn(2, 8, 16, 16)
    groups = group_norm(8, 1e-6, groups=4)(x).view(2, 4, -1)
    torch.testing.assert_close(groups.mean(-1), torch.zeros(2, 4), atol=1e-5, rtol=0)
    torch.testing.assert_close(groups.std(-1, correction=0), torch.ones(2, 4), atol=1e-5, rtol=0)


def test_res_block_starts_as_its_skip_connection():
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(ResBlock(8, 8)(x), x)
    block = ResBlock(8, 12)
    assert torch.equal(block(x), block.skip(x))


def test_res_block_hears_the_time():
    block = ResBlock(8, 8, time_dim=6)
    torch.nn.init.normal_(block.conv2.weight)
    x = torch.randn(1, 8, 4, 4)
    assert not torch.allclose(block(x, torch.zeros(1, 6)), block(x, torch.ones(1, 6)))


def test_groups_of_one_channel_make_a_res_block_deaf_to_the_time():
    """Why narrow networks get fewer groups: the normalisation removes any constant added to a whole group."""
    block = ResBlock(8, 8, time_dim=6, groups=8)
    torch.nn.init.normal_(block.conv2.weight)
    x = torch.randn(1, 8, 4, 4)
    torch.testing.assert_close(block(x, torch.zeros(1, 6)), block(x, torch.ones(1, 6)), atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_downsample_padding_is_where_it_is_said_to_be():
    symmetric, asymmetric = Downsample(1), Downsample(1, asymmetric=True)
    for layer in (symmetric, asymmetric):
        layer.conv.weight.fill_(1)
        layer.conv.bias.zero_()
    x = torch.ones(1, 1, 4, 4)
    assert symmetric(x).tolist() == [[[[4, 6], [6, 9]]]], "zeros around: corners should see 4 pixels"
    assert asymmetric(x).tolist() == [[[[9, 6], [6, 4]]]], (
        "zeros only below and right: the first should see 9"
    )


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_upsample_is_nearest_neighbour_and_a_convolution(layout):
    layer = Upsample(5).to(memory_format=layout).double()
    x = torch.randn(2, 5, 3, 4, dtype=torch.float64).to(memory_format=layout).requires_grad_()

    def by_definition(x):
        return layer.conv(x.repeat_interleave(2, 2).repeat_interleave(2, 3))

    torch.testing.assert_close(layer(x), by_definition(x))
    towards = torch.randn(2, 5, 6, 8, dtype=torch.float64)
    inputs = (x, *layer.parameters())
    ours = torch.autograd.grad(layer(x), inputs, towards)
    for mine, expected in zip(ours, torch.autograd.grad(by_definition(x), inputs, towards), strict=True):
        torch.testing.assert_close(mine, expected)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((3, 64, 64), r"images must have shape \(B, 3, H, W\), got \(3, 64, 64\)"),
        ((2, 1, 64, 64), "images must have 3 channels, got 1"),
        (
            (2, 3, 50, 64),
            "height 50 is not a multiple of the downsampling factor 4; pad or crop the image first",
        ),
        ((2, 3, 64, 2), "width 2 is not a multiple of the downsampling factor 4"),
        ((2, 3, 0, 64), "height 0"),
    ],
)
def test_shapes_that_do_not_fit_are_named(shape, message):
    with pytest.raises(ValueError, match=message):
        check_images(torch.zeros(shape), "images", 3, 4)
