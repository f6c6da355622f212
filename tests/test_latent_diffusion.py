"""The whole system: what a sample depends on, what guidance does in it, what the loss is."""

from dataclasses import replace

import pytest
import torch

from ldm_tutorial.conditioning import AttributeConfig, CaptionConfig, build_vocabulary
from ldm_tutorial.diffusion import DDIM, DDPM, PLMS, DPMSolverPP2M, Euler, EulerAncestral, Heun
from ldm_tutorial.first_stage import IdentityFirstStage, KLConfig
from ldm_tutorial.latent_diffusion import LatentDiffusion, LatentDiffusionConfig
from ldm_tutorial.unet import UNetConfig

CAPTIONS = ["a portrait with red hair", "someone in a green shirt", "blue background"]
CONFIG = LatentDiffusionConfig(
    image_size=16,
    first_stage=KLConfig(channels=8, channel_mult=(1, 2), res_blocks=1, mid_attention=False, norm_groups=4),
    unet=UNetConfig(
        channels=16,
        channel_mult=(1, 2),
        res_blocks=1,
        attention=(2,),
        head_channels=16,
        context_dim=16,
        norm_groups=8,
    ),
    conditioner=CaptionConfig(build_vocabulary(CAPTIONS), length=10, dim=16, depth=1, heads=2),
)


@pytest.fixture(scope="module")
def model() -> LatentDiffusion:
    """Random weights, made large where the networks start at zero, so that conditions matter."""
    torch.manual_seed(0)
    model = LatentDiffusion(CONFIG).eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.copy_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    return model


def test_a_sample_depends_on_its_own_seed_and_caption_only(model):
    together = model.sample(CAPTIONS, steps=4, seed=5, eta=1.0)
    alone = torch.cat([model.sample([c], steps=4, seed=5 + i, eta=1.0) for i, c in enumerate(CAPTIONS)])
    split = model.sample(CAPTIONS, steps=4, seed=5, eta=1.0, batch_size=2)
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(split, together, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(model.sample(CAPTIONS, steps=4, seed=6, eta=1.0), together, atol=1e-2)


def test_same_seed_same_bits(model):
    assert torch.equal(model.sample(CAPTIONS, steps=3, seed=1), model.sample(CAPTIONS, steps=3, seed=1))


def test_guidance_zero_is_unconditional_and_one_is_plain(model):
    free = model.sample(None, n=3, steps=3)
    torch.testing.assert_close(model.sample(CAPTIONS, steps=3, guidance_scale=0), free, rtol=1e-4, atol=1e-4)
    plain = model.sample(CAPTIONS, steps=3, guidance_scale=1)
    strong = model.sample(CAPTIONS, steps=3, guidance_scale=4)
    assert not torch.allclose(plain, free, atol=1e-3), "the caption should matter"
    assert not torch.allclose(plain, strong, atol=1e-3), "the guidance scale should matter"


def test_the_empty_caption_is_the_null_condition(model):
    torch.testing.assert_close(
        model.sample([""], steps=3, guidance_scale=3), model.sample(None, n=1, steps=3), rtol=1e-4, atol=1e-4
    )


def test_loss_is_the_mean_squared_error_against_the_noise(model):
    generator = torch.Generator().manual_seed(0)
    z, noise = (torch.randn(2, 4, 8, 8, generator=generator) for _ in range(2))
    t = torch.tensor([10, 900])
    tokens = model.conditioner.tokenize(CAPTIONS[:2])
    a = model.schedule.alphas_cumprod[t].float()[:, None, None, None]
    output = model.unet(a.sqrt() * z + (1 - a).sqrt() * noise, t, *model.conditioner(tokens))
    expected = ((output - noise) ** 2).mean((1, 2, 3))
    torch.testing.assert_close(model.loss(z, tokens, t, noise), expected)
    l1 = (output - noise).abs().mean((1, 2, 3))
    torch.testing.assert_close(model.loss(z, tokens, t, noise, "l1"), l1)


def test_stream_ends_at_the_clean_image(model):
    states = list(model.stream(CAPTIONS, steps=5))
    assert states[-1].t == -1 and [s.t for s in states] == sorted((s.t for s in states), reverse=True)
    torch.testing.assert_close(states[-1].z, states[-1].x0)


def test_without_a_first_stage_it_is_diffusion_on_clamped_pixels():
    torch.manual_seed(0)
    config = replace(
        CONFIG,
        first_stage=None,
        conditioner=None,
        unet=replace(CONFIG.unet, in_channels=3, out_channels=3, context_dim=None),
    )
    model = LatentDiffusion(config).eval()
    assert isinstance(model.first_stage, IdentityFirstStage) and model.latent_shape == (3, 16, 16)
    assert model.clip == 1.0
    assert model.sample(n=2, steps=2).abs().max() <= 1
    with pytest.raises(ValueError, match="takes no condition"):
        model.sample(["a caption"], steps=2)


def test_latents_are_not_clamped(model):
    assert model.clip is None
    states = list(model.stream(CAPTIONS, steps=5))
    assert max(s.x0.abs().max() for s in states) > 1


def test_attributes_may_be_named_in_part():
    config = replace(CONFIG, conditioner=AttributeConfig(("Smiling", "Hat"), dim=16))
    model = LatentDiffusion(config).eval()
    assert model.sample([{"Smiling": True}, {}], steps=2).shape == (2, 3, 16, 16)
    with pytest.raises(ValueError, match="Smilin"):
        model.sample([{"Smilin": True}], steps=2)


@pytest.mark.parametrize("sampler", [DDIM, DDPM, PLMS, Euler, EulerAncestral, Heun, DPMSolverPP2M])
def test_any_sampler_draws_and_keeps_images_apart_from_their_batch(model, sampler):
    options = {"steps": 3, "seed": 5, "sampler": sampler, "spacing": "linspace"}
    together = model.sample(CAPTIONS, **options)
    alone = torch.cat([model.sample([c], **options | {"seed": 5 + i}) for i, c in enumerate(CAPTIONS)])
    torch.testing.assert_close(alone, together, rtol=1e-3, atol=1e-3)


def test_the_sampler_is_ddim_unless_asked_otherwise_and_eta_is_its_alone(model):
    plain = model.sample(CAPTIONS, steps=3)
    assert torch.equal(plain, model.sample(CAPTIONS, steps=3, sampler=DDIM, spacing="trailing"))
    torch.testing.assert_close(plain, model.sample(CAPTIONS, steps=3, sampler=Euler), rtol=1e-3, atol=1e-3)
    assert not torch.allclose(plain, model.sample(CAPTIONS, steps=3, sampler=Heun), atol=1e-2)
    with pytest.raises(ValueError, match=r"eta is 0\.5, but only DDIM has one; leave it 0 for Heun"):
        model.sample(CAPTIONS, steps=3, eta=0.5, sampler=Heun)
