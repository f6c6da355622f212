"""ControlNet: nothing changes at first, the base never does, and the hint is followed."""

import dataclasses

import pytest
import torch

from ldm_tutorial.unet import ControlConfig, ControlNet, UNet, UNetConfig

CONFIG = UNetConfig(
    channels=16, channel_mult=(1, 2, 2), res_blocks=1, attention=(2,), head_channels=8, context_dim=6
)
CONTROL = ControlConfig(hint_channels=1, hint_widths=(4, 8, 8))  # hints four times as large as latents


def moved(module):
    """No layer at zero, so that everything matters."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return module


@pytest.fixture
def pair():
    torch.manual_seed(0)
    unet = moved(UNet(CONFIG)).eval()
    return unet, ControlNet(CONFIG, CONTROL).copy_from(unet).eval()


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(0)
    z, context = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 5, 6, generator=generator)
    hint = torch.rand(2, 1, 32, 32, generator=generator)
    return z, torch.tensor([5, 900]), hint, context, torch.arange(5) < torch.tensor([[5], [2]])


@torch.no_grad()
def test_at_initialisation_the_output_is_unchanged_to_the_bit(pair, inputs):
    (unet, controlnet), (z, t, hint, context, mask) = pair, inputs
    plain = unet(z, t, context, mask)
    residuals = controlnet(z, t, hint, context, mask)
    assert torch.equal(unet(z, t, context, mask, residuals=residuals), plain)
    assert not any(residual.any() for residual in residuals)


def test_the_copy_is_the_encoder_half_and_shares_no_memory(pair):
    unet, controlnet = pair
    theirs = unet.state_dict()
    copied = {name for name in controlnet.state_dict() if not name.startswith(("hint", "zeros"))}
    assert copied == {n for n in theirs if n.startswith(("time", "conv_in", "down", "middle"))}
    for name in copied:
        mine = controlnet.state_dict()[name]
        assert torch.equal(mine, theirs[name]) and mine.data_ptr() != theirs[name].data_ptr(), name


def test_the_first_step_moves_the_zero_convolutions_and_the_second_everything(pair, inputs):
    (unet, controlnet), (z, t, hint, context, mask) = pair, inputs
    unet.requires_grad_(False)
    before = {name: weight.clone() for name, weight in unet.state_dict().items()}
    optimizer = torch.optim.SGD(controlnet.parameters(), lr=0.1)
    for step in range(3):
        optimizer.zero_grad()
        out = unet(z, t, context, mask, residuals=controlnet(z, t, hint, context, mask))
        (out - z).square().mean().backward()
        learning = {name for name, p in controlnet.named_parameters() if p.grad is not None and p.grad.any()}
        if step == 0:
            assert learning == {n for n, _ in controlnet.named_parameters() if n.startswith("zeros")}
        optimizer.step()
    idle = {name for name, _ in controlnet.named_parameters()} - learning
    assert not idle, f"these get no gradient in the third step: {idle}"
    assert all(torch.equal(weight, before[name]) for name, weight in unet.state_dict().items())


@torch.no_grad()
def test_the_hint_matters_once_trained_and_where_it_is(pair, inputs):
    (unet, controlnet), (z, t, hint, context, mask) = pair, inputs
    moved(controlnet)
    out = unet(z, t, context, mask, residuals=controlnet(z, t, hint, context, mask))
    other = unet(z, t, context, mask, residuals=controlnet(z, t, 1 - hint, context, mask))
    assert (out - other).abs().max() > 1e-4
    residuals = controlnet(z, t, hint, context, mask)
    shapes = [tuple(r.shape[1:]) for r in residuals]
    assert shapes == [(16, 8, 8)] * 2 + [(16, 4, 4), (32, 4, 4), (32, 2, 2), (32, 2, 2), (32, 2, 2)]


@torch.no_grad()
def test_padding_never_changes_what_a_controlnet_gives(pair, inputs):
    (_, controlnet), (z, t, hint, context, _) = pair, inputs
    moved(controlnet)
    padded = torch.cat([context, 9 * torch.randn(2, 3, 6)], dim=1)
    bare = controlnet(z, t, hint, context)
    for mine, other in zip(
        controlnet(z, t, hint, padded, torch.arange(8).expand(2, 8) < 5), bare, strict=True
    ):
        torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-6)


def test_messages(pair, inputs):
    (unet, controlnet), (z, t, hint, context, _) = pair, inputs
    with pytest.raises(ValueError, match=r"hint must have shape \(2, 1, 32, 32\), got \(2, 1, 16, 32\)"):
        controlnet(z, t, hint[:, :, ::2], context)
    with pytest.raises(ValueError, match="context is missing"):
        controlnet(z, t, hint)
    with pytest.raises(ValueError, match="this ControlNet is for a U-Net of"):
        controlnet.copy_from(UNet(dataclasses.replace(CONFIG, res_blocks=2)))
    with pytest.raises(ValueError, match="6 residuals came; this U-Net takes 7"):
        unet(z, t, context, residuals=controlnet(z, t, hint, context)[1:])
