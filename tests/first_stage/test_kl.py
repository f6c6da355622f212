import dataclasses

import pytest
import torch

from ldm_tutorial.first_stage import IdentityFirstStage, KLAutoencoder, KLConfig

SMALL = KLConfig(channels=16, channel_mult=(1, 2), res_blocks=1)
STEM = dataclasses.replace(SMALL, stem=2, mid_attention=False)


def build(config=SMALL, seed=0):
    torch.manual_seed(seed)
    return KLAutoencoder(config).eval()


def images(n=4, size=16, seed=0):
    return torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(
    ("config", "downsampling"),
    [(SMALL, 2), (STEM, 4), (dataclasses.replace(SMALL, channel_mult=(1, 1, 2), attention=(2, 4)), 4)],
)
@torch.no_grad()
def test_shapes(config, downsampling):
    kl = build(config)
    x = images(2, 32)[..., :24]
    z = kl.encode(x)
    assert kl.downsampling == downsampling
    assert z.shape == (2, 4, 32 // downsampling, 24 // downsampling)
    assert kl.decode(z).shape == x.shape


# Rombach et al. 2022, table 8: latent channels, channel multipliers, attention, latent side of a 256 px image
PAPER = {
    "kl-f4": (3, (1, 2, 4), (), 64),
    "kl-f8": (4, (1, 2, 4, 4), (), 32),
    "kl-f16": (16, (1, 1, 2, 2, 4), (16,), 16),
    "kl-f32": (64, (1, 1, 2, 2, 4, 4), (16, 32), 8),
}


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_autoencoders_at_full_size(name):
    channels, mult, attention, side = PAPER[name]
    with torch.device("meta"):
        kl = KLAutoencoder(KLConfig(latent_channels=channels, channel_mult=mult, attention=attention))
        z = kl.encode(torch.zeros(1, 3, 256, 256))
        assert z.shape == (1, channels, side, side)
        assert kl.decode(z).shape == (1, 3, 256, 256)


def test_stable_diffusions_first_stage_has_its_parameter_count():
    with torch.device("meta"):
        kl = KLAutoencoder(KLConfig(channel_mult=(1, 2, 4, 4)))
    assert sum(p.numel() for p in kl.parameters()) == 83_653_863


@torch.no_grad()
def test_measured_latents_have_mean_zero_and_unit_variance():
    kl = build()
    batches = [images(8, seed=seed) for seed in range(3)]
    kl.measure_scale(batches)
    generator = torch.Generator().manual_seed(0)
    z = torch.cat([kl.encode(x, generator) for x in batches for _ in range(8)]).transpose(0, 1).flatten(1)
    standard_error = z.shape[1] ** -0.5
    assert z.mean(1).abs().max() < 3 * standard_error, "each channel should have mean 0"
    assert (z.std(1) - 1).abs().max() < 3 * standard_error, "each channel should have standard deviation 1"


@torch.no_grad()
def test_encode_and_decode_speak_the_same_scale():
    kl = build()
    x = images()
    before = kl.decode(kl.encode(x))
    kl.latent_mean.copy_(torch.tensor([1.0, -2, 0, 3]))
    kl.latent_std.copy_(torch.tensor([0.5, 2, 1, 4]))
    torch.testing.assert_close(kl.decode(kl.encode(x)), before, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(kl.decode(kl.encode(x)), kl.decode_unscaled(kl.posterior(x).mode()))


def test_scale_is_one_number():
    kl = build()
    assert kl.scale == 1
    kl.latent_std.fill_(1 / 0.18215)
    assert kl.scale == pytest.approx(0.18215)


def test_scale_is_stored_with_the_weights():
    kl = build()
    kl.measure_scale([images()])
    other = build(seed=1)
    other.load_state_dict(kl.state_dict())
    assert other.scale == kl.scale != 1


def test_measuring_needs_images():
    with pytest.raises(ValueError, match="at least one batch"):
        build().measure_scale([])


@torch.no_grad()
def test_encode_gives_the_mean_or_a_seeded_sample():
    kl, x = build(), images()
    assert torch.equal(kl.encode(x), kl.posterior(x).mean)
    samples = [kl.encode(x, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(samples[0], samples[1])
    assert not torch.equal(samples[0], samples[2])


@torch.no_grad()
def test_logvar_is_clamped():
    kl = build()
    kl.quant_conv.bias[4:] = torch.tensor([1e3, -1e3, 0, 0])
    logvar = kl.posterior(images()).logvar
    assert (logvar[:, 0] == 20).all()
    assert (logvar[:, 1] == -30).all()


@torch.no_grad()
def test_images_do_not_depend_on_their_batch_mates():
    kl, x = build(), images()
    torch.testing.assert_close(kl.encode(x)[:1], kl.encode(x[:1]), atol=1e-5, rtol=1e-5)
    z = kl.encode(x)
    torch.testing.assert_close(kl.decode(z)[:1], kl.decode(z[:1]), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_bfloat16_is_near_float32():
    kl, x = build(), images()
    mean, image = kl.posterior(x).mean, kl.decode(kl.encode(x))
    half = kl.to(torch.bfloat16)
    z = half.posterior(x.bfloat16()).mean
    assert z.dtype == torch.bfloat16
    assert (z - mean).abs().max() < 0.05 * mean.abs().max()
    assert (half.decode(half.encode(x.bfloat16())) - image).abs().max() < 0.1 * image.abs().max()


@torch.no_grad()
def test_channels_last_changes_the_speed_only():
    kl, x = build(), images()
    expected = kl.decode(kl.encode(x))
    kl.to(memory_format=torch.channels_last)
    torch.testing.assert_close(kl.decode(kl.encode(x)), expected, atol=1e-4, rtol=1e-4)


def test_every_parameter_learns():
    kl, x = build(dataclasses.replace(SMALL, attention=(1,))), images()
    with torch.no_grad():  # layers that start at zero pass no gradient before their first step
        for parameter in kl.parameters():
            parameter += 0.02 * torch.randn_like(parameter)
    posterior = kl.posterior(x)
    z = posterior.sample(torch.Generator().manual_seed(0))
    ((kl.decode_unscaled(z) - x).abs().mean() + posterior.kl().mean()).backward()
    idle = [name for name, p in kl.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not idle, f"these parameters get no gradient: {idle}"


def test_last_layer_is_the_decoders_output():
    kl = build(STEM)
    assert kl.last_layer.shape == (3 * 2**2, 16, 3, 3)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (1, 3, 50, 64),
            "height 50 is not a multiple of the downsampling factor 4; pad or crop the image first",
        ),
        ((1, 1, 64, 64), "images must have 3 channels, got 1"),
        ((3, 64, 64), r"images must have shape \(B, 3, H, W\), got \(3, 64, 64\)"),
    ],
)
def test_images_that_do_not_fit(shape, message):
    with pytest.raises(ValueError, match=message):
        build(STEM).encode(torch.zeros(shape))


def test_latents_that_do_not_fit():
    with pytest.raises(ValueError, match="latents must have 4 channels, got 3"):
        build().decode(torch.zeros(1, 3, 8, 8))


def test_attention_at_a_level_that_is_not_there():
    with pytest.raises(ValueError, match=r"attention at downsampling factors \[8\].*\(2, 4\)"):
        dataclasses.replace(STEM, attention=(8,))


def test_identity_first_stage():
    first_stage, x = IdentityFirstStage(), images()
    assert torch.equal(first_stage.decode(first_stage.encode(x)), x)
    assert (first_stage.downsampling, first_stage.scale, first_stage.latent_channels) == (1, 1, 3)
    with pytest.raises(ValueError, match="images must have 3 channels, got 1"):
        first_stage.encode(torch.zeros(1, 1, 8, 8))
