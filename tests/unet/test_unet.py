import dataclasses

import pytest
import torch

from ldm_tutorial.unet import UNet, UNetConfig

SMALL = UNetConfig(
    channels=16, channel_mult=(1, 2), res_blocks=1, attention=(2,), head_channels=8, context_dim=6
)
PLAIN = dataclasses.replace(SMALL, context_dim=None)
ADM = dataclasses.replace(SMALL, use_scale_shift_norm=True, resblock_updown=True)


def build(config=SMALL, seed=0):
    """A U-Net whose layers that start at zero have been moved away from it."""
    torch.manual_seed(seed)
    unet = UNet(config).eval()
    with torch.no_grad():
        for parameter in unet.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return unet


def inputs(batch=3, size=8, tokens=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(batch, 4, size, size, generator=generator)
    t = torch.randint(0, 1000, (batch,), generator=generator)
    return z, t, torch.randn(batch, tokens, 6, generator=generator)


def test_prediction_starts_at_zero():
    z, t, context = inputs()
    assert not UNet(SMALL)(z, t, context).any(), (
        "the first prediction should be 0, so that the first loss is E[noise^2]"
    )


@torch.no_grad()
def test_padding_tokens_change_nothing():
    unet = build()
    z, t, context = inputs()
    expected = unet(z, t, context)
    padded = torch.cat([context, 50 * torch.randn(3, 4, 6)], dim=1)
    mask = (torch.arange(9) < 5).expand(3, 9)
    assert (unet(z, t, padded, mask) - expected).abs().max() < 1e-6 * max(1, expected.abs().max())


@pytest.mark.parametrize("config", [SMALL, ADM])
@torch.no_grad()
def test_time_and_context_matter(config):
    unet = build(config)
    z, t, context = inputs()
    out = unet(z, t, context)
    for what, other in (("t", unet(z, t // 2, context)), ("context", unet(z, t, -context))):
        assert (other - out).abs().max() > 1e-3, f"another {what} should give another prediction"


@pytest.mark.parametrize("config", [SMALL, PLAIN, ADM])
@torch.no_grad()
def test_images_do_not_depend_on_their_batch_mates(config):
    unet = build(config)
    z, t, context = inputs()
    context = context if config.context_dim else None
    together = unet(z, t, context)
    for i in range(3):
        alone = unet(z[i : i + 1], t[i : i + 1], context[i : i + 1] if config.context_dim else None)
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_one_timestep_serves_the_batch():
    unet = build()
    z, _, context = inputs()
    expected = unet(z, torch.full((3,), 7), context)
    assert torch.equal(unet(z, torch.tensor(7), context), expected)
    assert torch.equal(unet(z, torch.tensor([7]), context), expected)


@pytest.mark.parametrize("config", [SMALL, ADM])
@torch.no_grad()
def test_channels_last_changes_the_speed_only(config):
    unet = build(config)
    z, t, context = inputs()
    expected = unet(z, t, context)
    out = unet.to(memory_format=torch.channels_last)(z, t, context)
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)
    assert out.is_contiguous(memory_format=torch.channels_last), "no layer should go back to channels first"


@torch.no_grad()
def test_bfloat16_is_near_float32():
    unet = build()
    z, t, context = inputs()
    expected = unet(z, t, context)
    out = unet.to(torch.bfloat16)(z.bfloat16(), t, context.bfloat16())
    assert out.dtype == torch.bfloat16
    assert (out - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.parametrize(
    "config", [SMALL, PLAIN, ADM, dataclasses.replace(SMALL, transformer_depth=2, heads=(1, 4))]
)
def test_every_parameter_learns(config):
    unet = build(config)
    z, t, context = inputs()
    unet(z, t, context if config.context_dim else None).square().sum().backward()
    idle = [name for name, p in unet.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not idle, f"these parameters get no gradient: {idle}"


def test_gradients_do_not_depend_on_the_layout():
    """In channels_last some layers take their gradients another way."""
    z, t, context = inputs()
    grads = []
    for layout in (torch.contiguous_format, torch.channels_last):
        unet = build().to(memory_format=layout)
        unet(z, t, context).square().sum().backward()
        grads.append({name: p.grad for name, p in unet.named_parameters()})
    for name, expected in grads[0].items():
        torch.testing.assert_close(
            grads[1][name], expected, atol=1e-4, rtol=1e-3, msg=lambda m, n=name: n + m
        )


@torch.no_grad()
def test_an_added_vector_is_added_to_the_time():
    unet = build(dataclasses.replace(SMALL, added_dim=3))
    z, t, context = inputs()
    vector = torch.randn(3, 3)
    out = unet(z, t, context, added=vector)
    assert (unet(z, t, context, added=-vector) - out).abs().max() > 1e-3, "the vector should matter"
    other = unet.time(t) + unet.added(vector)
    unet.time.register_forward_hook(lambda *_: other)
    unet.added.register_forward_hook(lambda *_: torch.zeros_like(other))
    torch.testing.assert_close(unet(z, t, context, added=vector), out)


def test_resampling_in_residual_blocks_has_no_other_resampling():
    names = set(dict(UNet(ADM).named_parameters()))
    assert "down.0.resample.conv1.weight" in names and "up.0.resample.time_proj.weight" in names
    assert "down.0.resample.conv.weight" not in names


def test_dropout_only_in_training():
    unet = build(dataclasses.replace(SMALL, dropout=0.5))
    z, t, context = inputs()
    assert torch.equal(unet(z, t, context), unet(z, t, context))
    unet.train()
    assert not torch.equal(unet(z, t, context), unet(z, t, context))


# Rombach et al. 2022, tables 12 to 15: latent shape, config
PAPER = {
    "celebahq-vq4": (64, UNetConfig(3, 3, 224, (1, 2, 3, 4), 2, (8, 4, 2), head_channels=32)),
    "lsun-churches-kl8": (32, UNetConfig(4, 4, 192, (1, 2, 2, 4, 4), 2, (1, 2, 4, 8), heads=8)),
    "imagenet-vq8": (32, UNetConfig(4, 4, 256, (1, 2, 4), 2, (4, 2, 1), head_channels=32, context_dim=512)),
    "text-to-image-kl8": (32, UNetConfig(4, 4, 320, (1, 2, 4, 4), 2, (4, 2, 1), heads=8, context_dim=1280)),
    "inpainting": (64, UNetConfig(7, 3, 256, (1, 2, 3, 4), 2, (8, 4, 2), heads=8)),
    "super-resolution": (64, UNetConfig(6, 3, 160, (1, 2, 2, 4), 2, (), head_channels=32)),
    "stable-diffusion-1": (64, UNetConfig(4, 4, 320, (1, 2, 4, 4), 2, (4, 2, 1), heads=8, context_dim=768)),
}


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_networks_at_full_size(name):
    side, config = PAPER[name]
    with torch.device("meta"):
        unet = UNet(config)
        z, t = torch.zeros(2, config.in_channels, side, side), torch.zeros(2, dtype=torch.long)
        context = torch.zeros(2, 77, config.context_dim) if config.context_dim else None
        assert unet(z, t, context).shape == (2, config.out_channels, side, side)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"z": torch.zeros(3, 4, 7, 8)},
            "height 7 is not a multiple of the downsampling factor 2; pad or crop",
        ),
        ({"z": torch.zeros(3, 3, 8, 8)}, "z must have 4 channels, got 3"),
        ({"z": torch.zeros(4, 8, 8)}, r"z must have shape \(B, 4, H, W\), got \(4, 8, 8\)"),
        ({"t": torch.zeros(2).long()}, r"t must have shape \(3,\), got \(2,\)"),
        ({"context": None}, r"context is missing: this U-Net needs \(B, M, 6\) tokens"),
        ({"context": torch.zeros(3, 5, 7)}, r"context must have shape \(3, M, 6\), got \(3, 5, 7\)"),
        ({"context": torch.zeros(2, 5, 6)}, r"context must have shape \(3, M, 6\), got \(2, 5, 6\)"),
        (
            {"mask": torch.ones(3, 4).bool()},
            r"mask must have the shape \(3, 5\) of the context's tokens, got \(3, 4\)",
        ),
        ({"added": torch.zeros(3, 2)}, r"added must be left out for this U-Net, got \(3, 2\)"),
    ],
)
def test_inputs_that_do_not_fit(change, message):
    z, t, context = inputs()
    with pytest.raises(ValueError, match=message):
        UNet(SMALL)(**({"z": z, "t": t, "context": context} | change))


@pytest.mark.parametrize("added", [None, torch.zeros(2, 5), torch.zeros(3, 4)])
def test_added_vectors_that_do_not_fit(added):
    z, t, context = inputs()
    got = "nothing" if added is None else rf"\({len(added)}, {added.shape[1]}\)"
    with pytest.raises(ValueError, match=rf"added must be \(3, 5\) for this U-Net, got {got}"):
        UNet(dataclasses.replace(SMALL, added_dim=5))(z, t, context, added=added)


def test_context_for_a_network_without():
    z, t, context = inputs()
    with pytest.raises(ValueError, match="no cross-attention"):
        UNet(PLAIN)(z, t, context)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attention": (4,)}, r"attention at downsampling factors \[4\].*\(1, 2\)"),
        ({"head_channels": None}, "heads and head_channels are both None"),
        ({"heads": 5}, "32 channels can't be shared out to 5 heads"),
        ({"norm_groups": 32}, r"norm_groups 32 makes groups of one channel at every width of \(16, 32\)"),
        ({"heads": (1, 2, 4)}, r"heads \(1, 2, 4\) must be one number, or one for each of \(1, 2\)"),
    ],
)
def test_configs_that_do_not_fit(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **change)


def test_groups_of_one_channel_are_fine_where_the_time_comes_after_the_norm():
    config = dataclasses.replace(SMALL, norm_groups=32, use_scale_shift_norm=True)
    unet, (z, t, context) = build(config), inputs()
    assert (unet(z, t, context) - unet(z, t // 2, context)).abs().max() > 1e-3
