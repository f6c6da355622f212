"""A ControlNet and its U-Net, with diffusers' weights, compute what diffusers' two compute."""

import pytest
import torch

from ldm_tutorial.interop import (
    controlnet_from_diffusers,
    unet_config_from_diffusers,
    unet_from_diffusers,
)
from ldm_tutorial.unet import ControlConfig, ControlNet

diffusers = pytest.importorskip("diffusers")

BOTH = {
    "block_out_channels": (32, 64, 64),
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "layers_per_block": 1,
    "attention_head_dim": 4,
    "cross_attention_dim": 24,
}
UP = {"up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), "sample_size": 8}


def perturbed(module):
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    return module.eval()


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel(**BOTH, **UP)
    return perturbed(unet), perturbed(diffusers.ControlNetModel(**BOTH, conditioning_channels=2))


@torch.no_grad()
def test_the_two_together_compute_what_diffusers_computes(theirs):
    their_unet, their_controlnet = theirs
    unet, controlnet = unet_from_diffusers(their_unet), controlnet_from_diffusers(their_controlnet)
    generator = torch.Generator().manual_seed(2)
    z, context = torch.randn(2, 4, 8, 8, generator=generator), torch.randn(2, 7, 24, generator=generator)
    t, hint = torch.tensor([3, 871]), torch.rand(2, 2, 64, 64, generator=generator)
    down, mid = their_controlnet(z, t, context, hint, return_dict=False)
    residuals = controlnet(z, t, hint, context)
    for mine, reference in zip(residuals, [*down, mid], strict=True):
        assert (mine - reference).abs().max() < 1e-5 * reference.abs().max()
    expected = their_unet(
        z, t, context, down_block_additional_residuals=down, mid_block_additional_residual=mid
    ).sample
    out = unet(z, t, context, residuals=residuals)
    assert (out - expected).abs().max() < 1e-5 * expected.abs().max()
    assert (out - unet(z, t, context)).abs().max() > 1e-3, "the hint should matter"


def test_what_has_no_counterpart_is_refused():
    bgr = diffusers.ControlNetModel(**BOTH, controlnet_conditioning_channel_order="bgr")
    with pytest.raises(ValueError, match="controlnet_conditioning_channel_order='bgr' has no counterpart"):
        controlnet_from_diffusers(bgr)


def test_stable_diffusions_controlnet_at_full_size():
    with torch.device("meta"):
        theirs = diffusers.ControlNetModel(cross_attention_dim=768, attention_head_dim=8)
        unet = diffusers.UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8)
        ours = ControlNet(unet_config_from_diffusers(unet.config), ControlConfig())
    counts = [sum(p.numel() for p in each.parameters()) for each in (ours, theirs)]
    assert counts == [361_279_120] * 2
