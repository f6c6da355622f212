"""Every recipe builds at full size on the meta device, with the numbers of the paper where it has them."""

import dataclasses

import pytest
import torch

from ldm_tutorial.conditioning import AttributeConfig, CaptionConfig, build_vocabulary
from ldm_tutorial.latent_diffusion import LatentDiffusion, LatentDiffusionConfig, build_first_stage
from ldm_tutorial.recipes import all_recipes
from ldm_tutorial.training import FirstStageRecipe, LatentDiffusionRecipe

RECIPES = all_recipes()
FIRST = {n: r for n, r in RECIPES.items() if isinstance(r, FirstStageRecipe)}
SECOND = {n: r for n, r in RECIPES.items() if isinstance(r, LatentDiffusionRecipe)}


def first_stage_of(recipe):
    return None if recipe.first_stage is None else FIRST[recipe.first_stage.rsplit("/", 1)[-1]].first_stage


def built(recipe) -> LatentDiffusion:
    conditioner = {
        None: None,
        "captions": CaptionConfig(build_vocabulary(["a"]), recipe.context_length, recipe.context_dim),
        "attributes": AttributeConfig(("a", "b"), recipe.context_dim),
    }[recipe.condition]
    unet = dataclasses.replace(recipe.unet, context_dim=recipe.context_dim if conditioner else None)
    config = LatentDiffusionConfig(
        recipe.data.size, first_stage_of(recipe), unet, conditioner, recipe.schedule, recipe.prediction
    )
    with torch.device("meta"):
        return LatentDiffusion(config)


def test_the_promised_recipes_are_there():
    promised = {"peeps-kl-f4", "peeps-ldm", "peeps-pixel", "celeba64-kl-f4", "celeba64-ldm"}
    promised |= {"celebahq256-vq-f4", "celebahq256-ldm", "lsun-bedrooms256-ldm", "lsun-churches256-ldm"}
    assert promised <= RECIPES.keys()
    assert all(name == recipe.name for name, recipe in RECIPES.items())


@pytest.mark.parametrize("name", FIRST)
def test_first_stage_shapes(name):
    recipe = FIRST[name]
    with torch.device("meta"):
        model = build_first_stage(recipe.first_stage)
        z = model.encode(torch.empty(2, 3, recipe.data.size, recipe.data.size))
    side = recipe.data.size // model.downsampling
    assert z.shape == (2, model.latent_channels, side, side)
    assert f"-f{model.downsampling}" in name, "the name should say the downsampling factor"
    assert model.decode_unscaled(z).shape == (2, 3, recipe.data.size, recipe.data.size)


@pytest.mark.parametrize("name", SECOND)
def test_second_stage_shapes(name):
    model = built(SECOND[name])
    z = torch.empty(2, *model.latent_shape, device="meta")
    t = torch.zeros(2, dtype=torch.int64, device="meta")
    context = None
    if model.conditioner is not None:
        dim = model.conditioner.context_dim
        context = torch.empty(2, 5, dim, device="meta")
    assert model.unet(z, t, context).shape == z.shape


@pytest.mark.parametrize("name", ["celebahq256-ldm", "lsun-bedrooms256-ldm"])
def test_paper_recipes_have_the_papers_size(name):
    """274 M parameters (tables 12 and 13 of the paper)."""
    model = built(SECOND[name])
    assert model.latent_shape == (3, 64, 64)
    assert sum(p.numel() for p in model.unet.parameters()) / 1e6 == pytest.approx(274, rel=0.01)


@pytest.mark.parametrize(
    ("name", "steps", "batch", "rate"),
    [
        ("celebahq256-ldm", 410_000, 48, 9.6e-5),
        ("lsun-bedrooms256-ldm", 1_900_000, 48, 9.6e-5),
        ("lsun-churches256-ldm", 500_000, 96, 5e-5),
    ],
)
def test_paper_recipes_train_as_long_as_the_paper(name, steps, batch, rate):
    """Iterations, batch size and learning rate of table 12 of the paper."""
    training = SECOND[name].training
    assert (training.steps, training.batch_size, training.learning_rate) == (steps, batch, rate)


def test_churches_are_the_released_ones():
    """294 M parameters (table 12): it resamples in residual blocks and lets time scale as well as shift."""
    model = built(SECOND["lsun-churches256-ldm"])
    assert model.latent_shape == (4, 32, 32)
    assert sum(p.numel() for p in model.unet.parameters()) == 294_966_916


def test_pixel_baseline_has_the_same_unet():
    latent, pixel = SECOND["peeps-ldm"].unet, SECOND["peeps-pixel"].unet
    assert dataclasses.replace(pixel, in_channels=4, out_channels=4) == latent
