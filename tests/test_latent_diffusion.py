"""The whole system: what a sample depends on, what guidance does in it, what the loss is."""

from dataclasses import replace

import pytest
import torch

from ldm_tutorial.conditioning import (
    AttributeConfig,
    CaptionConfig,
    ComposedConfig,
    ImageConfig,
    MapConfig,
    PartConfig,
    build_vocabulary,
)
from ldm_tutorial.diffusion import DDIM, DDPM, PLMS, DPMSolverPP2M, Euler, EulerAncestral, Heun, guide
from ldm_tutorial.first_stage import IdentityFirstStage, KLConfig
from ldm_tutorial.latent_diffusion import (
    LatentDiffusion,
    LatentDiffusionConfig,
    build_conditioner,
    fitted,
)
from ldm_tutorial.unet import ControlConfig, UNetConfig, attention_maps

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


MAP = MapConfig(("background", "hair"), size=16)
NEAR = {"rtol": 1e-4, "atol": 1e-4}


def composed(*parts: PartConfig) -> LatentDiffusionConfig:
    conditioner = ComposedConfig(parts, context_dim=16)
    built = build_conditioner(conditioner)
    hints = built.needs.get("hint_channels")
    control = ControlConfig(hints, (4, 4)) if hints else None
    return replace(CONFIG, unet=fitted(CONFIG.unet, built), conditioner=conditioner, control=control)


def disturbed(model: LatentDiffusion) -> LatentDiffusion:
    """Random weights, made large where the networks start at zero, so that conditions matter."""
    model.eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.copy_(torch.randn_like(parameter) / parameter[0].numel() ** 0.5)
    return model


@pytest.fixture(scope="module")
def model() -> LatentDiffusion:
    torch.manual_seed(0)
    return disturbed(LatentDiffusion(CONFIG))


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


def test_a_negative_prompt_takes_the_place_of_the_null_condition(model):
    options = {"steps": 3, "guidance_scale": 3.0, "seed": 2}
    plain = model.sample(CAPTIONS, **options)
    torch.testing.assert_close(model.sample(CAPTIONS, negative_prompt="", **options), plain, **NEAR)
    away = model.sample(CAPTIONS, negative_prompt="blue background", **options)
    assert not torch.allclose(away, plain, atol=1e-2)
    split = model.sample(CAPTIONS, negative_prompt=["blue background"] * 3, batch_size=2, **options)
    torch.testing.assert_close(split, away, **NEAR)
    asked, unwanted = (model.encode(model.conditioner.tokenize(c)) for c in (CAPTIONS, CAPTIONS[::-1]))
    z, t = torch.randn(3, 4, 8, 8), torch.tensor([999] * 3)
    expected = model.denoise(z, t, unwanted) + 3 * (
        model.denoise(z, t, asked) - model.denoise(z, t, unwanted)
    )
    guided = guide(model.denoise, unwanted, 3.0)(z, t, asked)
    torch.testing.assert_close(guided, expected, **NEAR)


def test_a_negative_prompt_that_can_not_work_is_warned_of_or_refused(model):
    with pytest.warns(UserWarning, match="guidance_scale is 1; a negative prompt has no effect"):
        model.sample(CAPTIONS, steps=1, guidance_scale=1, negative_prompt="blue")
    with pytest.raises(ValueError, match="negative_prompt needs wishes beside it"):
        model.sample(None, n=1, steps=1, negative_prompt="blue")


def test_two_passes_draw_what_one_batch_draws(model):
    options = {"steps": 3, "guidance_rescale": 0.5, "guidance_interval": (100, 800)}
    one, two = (model.sample(CAPTIONS, batch_guidance=b, **options) for b in (True, False))
    torch.testing.assert_close(two, one, **NEAR)
    assert not torch.allclose(one, model.sample(CAPTIONS, steps=3), atol=1e-3)


def test_several_wishes_for_one_image_compose(model):
    pairs = [(CAPTIONS[0], CAPTIONS[1]), (CAPTIONS[1], CAPTIONS[2])]
    both = model.sample(pairs, steps=3, guidance_scale=[2.0, 1.5])
    alone = model.sample([first for first, _ in pairs], steps=3, guidance_scale=2.0)
    torch.testing.assert_close(model.sample(pairs, steps=3, guidance_scale=[2.0, 0.0]), alone, **NEAR)
    assert both.shape == alone.shape and not torch.allclose(both, alone, atol=1e-2)


def test_padding_never_changes_the_prediction(model):
    tokens = model.conditioner.tokenize(CAPTIONS[:1])
    real = int((tokens != 0).sum())
    z, t = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([500])
    bare, padded = (model.denoise(z, t, model.conditioner(part)) for part in (tokens[:, :real], tokens))
    assert tokens.shape[1] > real
    torch.testing.assert_close(padded, bare, rtol=0, atol=1e-6 * bare.abs().max().item())


def test_what_the_network_looked_at_can_be_read_while_it_draws(model):
    plain = model.sample(CAPTIONS[:2], steps=3)
    with attention_maps(model.unet, images=2) as maps:
        drawn = model.sample(CAPTIONS[:2], steps=3)
    torch.testing.assert_close(drawn, plain, rtol=1e-5, atol=1e-5)
    assert maps.timesteps[0] == 999 and len(maps.timesteps) == 3
    assert maps.of(token=2, step=0).shape == (2, 4, 4)


MECHANISMS = ["cross_attention", "concatenation", "scale_shift", "class_shift", "controlnet"]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_caption_reaches_the_network_by_every_mechanism(mechanism):
    torch.manual_seed(0)
    config = composed(PartConfig("caption", CONFIG.conditioner, mechanism))
    model = disturbed(LatentDiffusion(config))
    pictures = model.sample(CAPTIONS[:2], steps=2, seed=3)
    others = model.sample([{"caption": c} for c in (CAPTIONS[0], CAPTIONS[2])], steps=2, seed=3)
    torch.testing.assert_close(others[0], pictures[0], **NEAR)
    assert not torch.allclose(others[1], pictures[1], atol=1e-3), "the caption should matter"
    torch.testing.assert_close(model.sample([""], steps=2), model.sample(None, n=1, steps=2), **NEAR)
    model.train().requires_grad_(True)
    tokens = model.conditioner.tokenize(CAPTIONS[:2])
    z = torch.randn(2, 4, 8, 8)
    model.loss(z, tokens, torch.tensor([10, 900]), torch.randn_like(z)).sum().backward()
    reached = {
        name for name, p in model.conditioner.named_parameters() if p.grad is not None and p.grad.any()
    }
    assert "encoders.caption.words.weight" in reached, "the encoder should learn through it"


def test_a_caption_and_a_map_at_once():
    parts = PartConfig("caption", CONFIG.conditioner), PartConfig("map", MAP, "concatenation", fold=2)
    torch.manual_seed(0)
    model = disturbed(LatentDiffusion(composed(*parts)))
    one, two = torch.zeros(16, 16).long(), torch.ones(16, 16).long()
    both = model.sample([{"caption": CAPTIONS[0], "map": one}], steps=2)
    for other in ({"caption": CAPTIONS[0], "map": two}, {"caption": CAPTIONS[1], "map": one}, {"map": one}):
        assert not torch.allclose(model.sample([other], steps=2), both, atol=1e-3), f"{other} is another wish"
    away = model.sample([{"caption": CAPTIONS[0], "map": one}], steps=2, negative_prompt=CAPTIONS[1])
    assert not torch.allclose(away, both, atol=1e-3)


def test_an_untrained_controlnet_changes_nothing_to_the_bit(model):
    edges = PartConfig("edges", ImageConfig(16, channels=1), "controlnet", drop=None)
    config = composed(PartConfig("caption", CONFIG.conditioner), edges)
    steered = LatentDiffusion(config).eval().requires_grad_(False)
    steered.unet.load_state_dict(model.unet.state_dict())
    steered.first_stage.load_state_dict(model.first_stage.state_dict())
    steered.conditioner.encoders["caption"].load_state_dict(model.conditioner.state_dict())
    steered.controlnet.copy_from(steered.unet)
    image = torch.rand(1, 16, 16) * 2 - 1
    wishes = [{"caption": caption, "edges": image} for caption in CAPTIONS]
    tokens = steered.conditioner.tokenize(wishes)
    z, t = torch.randn(3, 4, 8, 8), torch.tensor([3, 400, 999])
    expected = model.denoise(z, t, model.encode(model.conditioner.tokenize(CAPTIONS)))
    assert torch.equal(steered.denoise(z, t, steered.encode(tokens)), expected)
    null = steered.nothing(tokens)
    assert torch.equal(null["edges"], tokens["edges"]), "guidance leaves alone what has no null"
    assert steered.sample(wishes, steps=2).shape == (3, 3, 16, 16)
    with pytest.raises(ValueError, match="a wish has no 'edges'"):
        steered.sample(None, n=1, steps=2)


def test_a_map_alone_needs_a_mechanism():
    with pytest.raises(ValueError, match="a MapConfig needs a mechanism; make it a part of a ComposedConfig"):
        LatentDiffusion(replace(CONFIG, conditioner=MAP))
