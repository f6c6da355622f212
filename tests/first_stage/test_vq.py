"""The VQ autoencoder keeps the first stage's promises."""

from dataclasses import replace

import pytest
import torch

from ldm_tutorial.first_stage import VQAutoencoder, VQConfig

SMALL = VQConfig(channels=16, channel_mult=(1, 2), res_blocks=1, codes=32, norm_groups=8)


@pytest.fixture
def vq():
    torch.manual_seed(0)
    vq = VQAutoencoder(SMALL).eval().requires_grad_(False)
    torch.nn.init.normal_(vq.codebook.weight, std=0.3)
    return vq


@pytest.fixture
def images():
    return torch.rand(6, 3, 16, 24, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_scaled_latents_have_zero_mean_and_unit_variance(vq, images):
    vq.measure_scale(images.split(4))
    z = vq.encode(images)
    assert z.shape == (6, 3, 8, 12)
    torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.var((0, 2, 3), unbiased=False), torch.ones(3), atol=1e-4, rtol=0)
    assert vq.scale == pytest.approx(1 / vq.latent_std.square().mean().sqrt().item())


def test_decode_quantises_what_encode_left_continuous(vq, images):
    vq.measure_scale([images])
    z = vq.encode(images)
    quantised = vq.codebook(vq.latents(images))
    torch.testing.assert_close(vq.decode(z), vq.decode_unscaled(quantised.z))
    assert torch.equal(vq.quantise(z).codes, quantised.codes), "the scale should not change the codes"
    assert not torch.allclose(vq.decode(z), vq.decode_unscaled(vq.latents(images))), "decode should quantise"


def test_decode_forgives_small_errors_of_the_sampler(vq, images):
    z = vq.encode(images)
    distance = torch.cdist(z.permute(0, 2, 3, 1).reshape(-1, 3), vq.codebook.weight).sort(1).values
    margin = (distance[:, 1] - distance[:, 0]) / 2  # within it no vector changes its code
    noise = torch.nn.functional.normalize(torch.randn_like(z), dim=1) * 0.9 * margin.view(6, 1, 8, 12)
    assert torch.equal(vq.decode(z + noise), vq.decode(z))


def test_every_parameter_learns_from_reconstruction_and_codebook_loss(images):
    torch.manual_seed(0)
    vq = VQAutoencoder(SMALL)
    with torch.no_grad():
        for p in vq.parameters():  # residual blocks start at zero, and let nothing through
            p += 0.02 * torch.randn_like(p)
    quantised = vq.codebook(vq.latents(images))
    ((vq.decode_unscaled(quantised.z) - images).abs().mean() + quantised.loss).backward()
    idle = [name for name, p in vq.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not idle, f"no gradient reached {idle}"
    assert vq.last_layer is vq.decoder.conv_out.weight


def test_encode_takes_a_generator_and_leaves_it_alone(vq, images):
    generator = torch.Generator().manual_seed(5)
    before = generator.get_state()
    assert torch.equal(vq.encode(images, generator), vq.encode(images))
    assert torch.equal(generator.get_state(), before)


def test_bfloat16_and_autocast(vq, images):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        quantised = vq.codebook(vq.latents(images))
        assert quantised.loss.dtype == torch.float32
        assert vq.decode_unscaled(quantised.z).isfinite().all()
    vq.bfloat16()
    assert vq.decode(vq.encode(images.bfloat16())).dtype == torch.bfloat16


# name: latent at 256x256, codes, config (Rombach et al. 2022, table 8 and the original release)
PAPER = {
    "vq-f4": ((3, 64, 64), VQConfig()),
    "vq-f8": (
        (4, 32, 32),
        VQConfig(latent_channels=4, codes=16384, channel_mult=(1, 2, 2, 4), attention=(8,)),
    ),
    "vq-f16": (
        (8, 16, 16),
        VQConfig(latent_channels=8, codes=16384, channel_mult=(1, 1, 2, 2, 4), attention=(16,)),
    ),
}


@pytest.mark.parametrize("name", PAPER)
def test_full_size(name):
    latent, config = PAPER[name]
    with torch.device("meta"):
        vq, x = VQAutoencoder(config), torch.empty(2, 3, 256, 256)
        z = vq.encode(x)
        assert z.shape == (2, *latent) and vq.decode(z).shape == x.shape
    assert vq.latent_channels == latent[0] and vq.downsampling == 256 // latent[1]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 1, 16, 16), "images must have 3 channels, got 1"),
        ((3, 16, 16), r"images must have shape \(B, 3, H, W\)"),
        ((1, 3, 15, 16), "height 15 is not a multiple of the downsampling factor 2"),
    ],
)
def test_encode_says_what_it_accepts(vq, shape, message):
    with pytest.raises(ValueError, match=message):
        vq.encode(torch.zeros(shape))


@pytest.mark.parametrize("decode", ["decode", "decode_unscaled", "quantise"])
def test_decode_says_what_it_accepts(vq, decode):
    with pytest.raises(ValueError, match="latents must have 3 channels, got 4"):
        getattr(vq, decode)(torch.zeros(1, 4, 8, 8))


def test_bad_configs_are_refused(vq):
    with pytest.raises(ValueError, match="attention at downsampling factors"):
        VQConfig(attention=(3,))
    with pytest.raises(ValueError, match="codes is 1"):
        VQAutoencoder(replace(SMALL, codes=1))
    with pytest.raises(ValueError, match="batches is empty"):
        vq.measure_scale([])
