"""Scale and shift, resampling in residual blocks, added vectors: as with the options of diffusers."""

import pytest
import torch

from ldm_tutorial.interop import unet_from_diffusers

diffusers = pytest.importorskip("diffusers")

SCALE_SHIFT = {"resnet_time_scale_shift": "scale_shift"}
RESNET_BLOCKS = {
    "down_block_types": ("ResnetDownsampleBlock2D",) * 3,
    "up_block_types": ("ResnetUpsampleBlock2D",) * 3,
}
SHAPE = {"block_out_channels": (16, 24, 32), "norm_num_groups": 8, "layers_per_block": 1, "sample_size": 16}
WITHOUT_CONTEXT = SHAPE | {"attention_head_dim": 8}
WITH_CONTEXT = SHAPE | {
    "cross_attention_dim": 12,
    "attention_head_dim": 2,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D", "CrossAttnUpBlock2D"),
}
ATTENDING = {
    "down_block_types": ("ResnetDownsampleBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"),
    "downsample_type": "resnet",
    "upsample_type": "resnet",
}
WITHOUT = {
    "scale-shift": WITHOUT_CONTEXT
    | SCALE_SHIFT
    | {
        "attn_norm_num_groups": 8,
        "down_block_types": ("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        "up_block_types": ("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
    },
    "resnet-blocks": WITHOUT_CONTEXT | RESNET_BLOCKS,
    "churches": WITHOUT_CONTEXT | ATTENDING | SCALE_SHIFT | {"attn_norm_num_groups": 8},
}
WITH = {
    "scale-shift": WITH_CONTEXT | SCALE_SHIFT,
    "resnet-blocks": WITH_CONTEXT | RESNET_BLOCKS | SCALE_SHIFT,
    "added-vector": WITH_CONTEXT
    | {"class_embed_type": "simple_projection", "projection_class_embeddings_input_dim": 5},
}


def pair(kind, options):
    """Theirs and ours, no parameter at the special value that it starts with."""
    torch.manual_seed(0)
    theirs = kind(**options).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 0.03 * torch.randn_like(parameter)
    return theirs, unet_from_diffusers(theirs)


def assert_same(ours, theirs):
    error = ((ours - theirs).abs().max() / theirs.abs().max()).item()
    assert error < 1e-5, f"outputs should agree to float32 rounding, differ by {error:.1e} relative"


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("name", WITHOUT)
@torch.no_grad()
def test_without_context(name, layout):
    theirs, ours = pair(diffusers.UNet2DModel, WITHOUT[name])
    z, t = torch.randn(2, 3, 16, 16), torch.tensor([5, 940])
    assert_same(ours.to(memory_format=layout)(z, t), theirs(z, t).sample)


@pytest.mark.parametrize("name", WITH)
@torch.no_grad()
def test_with_context(name):
    theirs, ours = pair(diffusers.UNet2DConditionModel, WITH[name])
    z, t, context = torch.randn(2, 4, 16, 16), torch.tensor([5, 940]), torch.randn(2, 6, 12)
    vector = torch.randn(2, 5) if name == "added-vector" else None
    expected = theirs(z, t, context, class_labels=vector).sample
    assert_same(ours(z, t, context, added=vector), expected)


def test_gradients_with_scale_shift_and_resampling():
    theirs, ours = pair(diffusers.UNet2DModel, WITHOUT["churches"])
    ours.to(memory_format=torch.channels_last)
    z, t = torch.randn(2, 3, 16, 16), torch.tensor([5, 940])
    theirs(z, t).sample.square().sum().backward()
    ours(z, t).square().sum().backward()
    pairs = [
        (ours.down[0].resample.conv1, theirs.down_blocks[0].downsamplers[0].conv1),
        (ours.up[0].resample.time_proj, theirs.up_blocks[0].upsamplers[0].time_emb_proj),
        (ours.middle[0].res.norm2, theirs.mid_block.resnets[0].norm2),
    ]
    for mine, reference in pairs:
        assert_same(mine.weight.grad, reference.weight.grad)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"downsample_type": "conv"}, "at some levels and by a convolution at others"),
        ({"attn_norm_num_groups": None}, "attn_norm_num_groups=None has no counterpart here"),
    ],
)
def test_mixtures_are_refused(change, message):
    theirs = diffusers.UNet2DModel(**(WITHOUT["churches"] | change))
    with pytest.raises(ValueError, match=message):
        unet_from_diffusers(theirs)
