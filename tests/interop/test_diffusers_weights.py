"""Networks built from diffusers' weights compute what diffusers computes."""

import copy

import pytest
import torch

from ldm_tutorial.interop import kl_from_diffusers, unet_config_from_diffusers, unet_from_diffusers
from ldm_tutorial.unet import UNet, UNetConfig

diffusers = pytest.importorskip("diffusers")

SD1 = {
    "sample_size": 16,
    "block_out_channels": (32, 64, 128),
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    "layers_per_block": 2,
    "attention_head_dim": 4,  # the number of heads
    "cross_attention_dim": 24,
}
SD2 = SD1 | {"attention_head_dim": (2, 4, 8), "use_linear_projection": True, "layers_per_block": 1}
INPAINTING = SD1 | {"in_channels": 9, "layers_per_block": 1}
UNETS = {
    "sd1": SD1,
    "sd2": SD2,
    "inpainting": INPAINTING,
    "deep": SD2 | {"transformer_layers_per_block": 2},
    "uneven": SD2 | {"block_out_channels": (16, 24, 40), "norm_num_groups": 8},
}


def perturbed(module):
    """With no parameter at a special value (1 and 0 of norms), so that none can be mixed up unseen."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.02 * torch.randn(parameter.shape, generator=generator)
    return module.eval()


def relative_error(ours, theirs):
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.fixture(scope="module", params=UNETS)
def unet_pair(request):
    torch.manual_seed(0)
    theirs = perturbed(diffusers.UNet2DConditionModel(**UNETS[request.param]))
    return theirs, unet_from_diffusers(theirs)


def inputs(unet, size=16):
    generator = torch.Generator().manual_seed(2)
    z = torch.randn(2, unet.config.in_channels, size, size, generator=generator)
    context = torch.randn(2, 7, unet.config.context_dim, generator=generator)
    return z, torch.tensor([3, 871]), context


def test_unet_computes_what_diffusers_computes(unet_pair):
    theirs, ours = unet_pair
    z, t, context = inputs(ours)
    with torch.no_grad():
        error = relative_error(ours(z, t, context), theirs(z, t, context).sample)
    assert error < 1e-5, f"outputs should agree to float32 rounding, differ by {error:.1e} relative"


def test_unet_mask_means_what_it_means_in_diffusers(unet_pair):
    theirs, ours = unet_pair
    z, t, context = inputs(ours)
    mask = torch.arange(7) < torch.tensor([[7], [3]])
    with torch.no_grad():
        expected = theirs(z, t, context, encoder_attention_mask=mask).sample
        assert relative_error(ours(z, t, context, mask), expected) < 1e-5, "True should mean a real token"


def test_unet_gradients_agree_with_diffusers():
    torch.manual_seed(0)
    theirs = perturbed(diffusers.UNet2DConditionModel(**SD2))
    ours = unet_from_diffusers(theirs)
    z, t, context = inputs(ours)
    grads = []
    for net in (lambda *a: ours(*a), lambda *a: theirs(*a).sample):
        z_, context_ = z.clone().requires_grad_(), context.clone().requires_grad_()
        net(z_, t, context_).square().sum().backward()
        grads.append((z_.grad, context_.grad))
    for mine, reference in zip(*grads, strict=True):
        assert relative_error(mine, reference) < 1e-4, "gradients of the inputs should agree"
    pairs = [
        (ours.conv_in.weight, theirs.conv_in.weight),
        (ours.time.linear1.weight, theirs.time_embedding.linear_1.weight),
        (
            ours.middle[0].attention.blocks[0].cross_attention.to_q.weight,
            theirs.mid_block.attentions[0].transformer_blocks[0].attn2.to_q.weight,
        ),
    ]
    for mine, reference in pairs:
        assert relative_error(mine.grad, reference.grad) < 1e-4, "gradients of the weights should agree"


@pytest.mark.parametrize("head_dim", [8, None])
def test_unet_without_context_computes_what_diffusers_computes(head_dim):
    torch.manual_seed(0)
    theirs = perturbed(
        diffusers.UNet2DModel(
            sample_size=16,
            block_out_channels=(32, 64),
            down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
            layers_per_block=1,
            attention_head_dim=head_dim,
        )
    )
    ours = unet_from_diffusers(theirs)
    z, t = torch.randn(2, 3, 16, 16), torch.tensor([0, 999])
    with torch.no_grad():
        assert relative_error(ours(z, t), theirs(z, t).sample) < 1e-5


KLS = {
    "sd": {
        "block_out_channels": (32, 64, 64),
        "down_block_types": ("DownEncoderBlock2D",) * 3,
        "up_block_types": ("UpDecoderBlock2D",) * 3,
        "layers_per_block": 2,
    },
    "no-attention": {
        "block_out_channels": (32, 32),
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "mid_block_add_attention": False,
        "latent_channels": 3,
        "norm_num_groups": 8,
        "shift_factor": 0.3,
        "scaling_factor": 1.5,
    },
    "attention": {
        "block_out_channels": (32, 64),
        "down_block_types": ("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        "up_block_types": ("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
    },
}


@pytest.fixture(scope="module", params=KLS)
def kl_pair(request):
    torch.manual_seed(0)
    theirs = perturbed(diffusers.AutoencoderKL(**KLS[request.param]))
    return theirs, kl_from_diffusers(theirs)


@torch.no_grad()
def test_kl_posterior_is_that_of_diffusers(kl_pair):
    theirs, ours = kl_pair
    x = torch.randn(2, 3, 32, 48, generator=torch.Generator().manual_seed(2))
    expected, posterior = theirs.encode(x).latent_dist, ours.posterior(x)
    assert relative_error(posterior.mean, expected.mean) < 1e-5
    assert relative_error(posterior.logvar, expected.logvar) < 1e-5
    torch.testing.assert_close(posterior.kl(), expected.kl())


@torch.no_grad()
def test_kl_scaled_latents_are_those_that_diffusers_pipelines_use(kl_pair):
    theirs, ours = kl_pair
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    shift, scale = theirs.config.shift_factor or 0.0, theirs.config.scaling_factor
    z = (theirs.encode(x).latent_dist.mode() - shift) * scale
    assert relative_error(ours.encode(x), z) < 1e-5
    assert relative_error(ours.decode(z), theirs.decode(z / scale + shift).sample) < 1e-5
    assert ours.scale == pytest.approx(scale)


def test_weights_are_copies():
    theirs = diffusers.AutoencoderKL(**KLS["no-attention"])
    ours = kl_from_diffusers(theirs)
    before = copy.deepcopy(ours.state_dict())
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.zero_()
    for name, weight in ours.state_dict().items():
        assert torch.equal(weight, before[name]), f"{name} should not share memory with diffusers' weight"


def test_dtype_and_mode_are_kept():
    theirs = diffusers.AutoencoderKL(**KLS["no-attention"]).to(torch.bfloat16).eval()
    ours = kl_from_diffusers(theirs)
    assert not ours.training
    assert {p.dtype for p in ours.parameters()} == {torch.bfloat16}


def test_stable_diffusion_1_at_full_size():
    with torch.device("meta"):
        theirs = diffusers.UNet2DConditionModel(
            cross_attention_dim=768, attention_head_dim=8, block_out_channels=(320, 640, 1280, 1280)
        )
        ours = UNet(unet_config_from_diffusers(theirs.config))
    count = sum(p.numel() for p in ours.parameters())
    assert count == sum(p.numel() for p in theirs.parameters()) == 859_520_964
    assert ours.config == UNetConfig(
        channels=320,
        channel_mult=(1, 2, 4, 4),
        attention=(1, 2, 4),
        heads=8,
        head_channels=None,
        context_dim=768,
        norm_groups=32,
    )


def test_stable_diffusion_2_has_64_channels_a_head():
    with torch.device("meta"):
        theirs = diffusers.UNet2DConditionModel(
            cross_attention_dim=1024, attention_head_dim=(5, 10, 20, 20), use_linear_projection=True
        )
    config = unet_config_from_diffusers(theirs.config)
    assert [width // config.heads_at(level) for level, width in enumerate(config.widths)] == [64] * 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"act_fn": "gelu"}, "act_fn='gelu' has no counterpart here"),
        ({"cross_attention_dim": (24, 24, 32)}, r"cross_attention_dim=.* differs between levels"),
        ({"up_block_types": ("UpBlock2D", "UpBlock2D", "CrossAttnUpBlock2D")}, "of level 1 must be"),
        ({"class_embed_type": "timestep"}, "does not map onto UNet"),
    ],
)
def test_what_has_no_counterpart_is_refused(change, message):
    theirs = diffusers.UNet2DConditionModel(**(SD2 | change))
    with pytest.raises(ValueError, match=message):
        unet_from_diffusers(theirs)
