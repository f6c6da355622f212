"""The recipes of lesson 07 build, train and draw: two steps each, with tiny networks."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from ldm_tutorial.commands.measure import loss_by_level
from ldm_tutorial.data import open_images
from ldm_tutorial.recipes import conditioning
from ldm_tutorial.training import LatentDiffusionRecipe, Part, TrainingConfig, load_checkpoint, run_recipe
from ldm_tutorial.unet import UNetConfig

TRAINING = TrainingConfig(steps=2, batch_size=4, warmup=1, device="cpu", log_every=1, strip_every=2)
UNET = UNetConfig(
    channels=8, channel_mult=(1, 2), res_blocks=1, attention=(2,), head_channels=8, norm_groups=4
)
BASES = {"outputs/peeps-unconditional": "unconditional", "peeps-ldm": "peeps-ldm", None: None}
RECIPES = {r.name: r for r in vars(conditioning).values() if isinstance(r, LatentDiffusionRecipe)}


def tiny(recipe, **changes):
    settings = {
        "unet": UNET,
        "training": TRAINING,
        "data": replace(recipe.data, limit=12),
        "context_dim": 8,
        "text_depth": 1,
        "start_from": BASES[recipe.start_from],
        "hint_widths": (4, 4, 4),
    }
    return replace(recipe, **settings | changes)


def wish_for(recipe):
    wishes = {"caption": "a person with red hair", "map": torch.ones(64, 64, dtype=torch.uint8)}
    wishes |= {"edges": torch.zeros(1, 64, 64, dtype=torch.uint8), "layout": [("skin", (0.2, 0.2, 0.8, 1))]}
    wishes |= {"low_resolution": torch.zeros(3, 16, 16), "masked": torch.zeros(3, 64, 64)}
    return {part.reads: wishes[part.reads] for part in recipe.parts}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_trains_and_its_checkpoint_draws(course, tmp_path, name):
    recipe = tiny(RECIPES[name])
    model = load_checkpoint(run_recipe(recipe, tmp_path / "run", progress=False))
    wishes = [wish_for(recipe)] * 2 if recipe.parts else None
    assert model.sample(wishes, n=2, steps=2).shape == (2, 3, 64, 64)
    valid = open_images("peeps", "valid", limit=4)
    assert loss_by_level(model, valid, seed=0)["loss"] > 0, "what evaluation asks for must be what is read"
    if recipe.start_from is not None:
        base = load_file(course / "checkpoints" / recipe.start_from / "model.safetensors")
        trained = load_file(tmp_path / "run" / "checkpoint" / "model.safetensors")
        assert all(torch.equal(trained[n], w) for n, w in base.items() if n.startswith("unet.")), (
            "the U-Net that a ControlNet steers must stay as it is"
        )
        assert any(trained[n].any() for n in trained if n.startswith("controlnet.zeros"))


def test_every_mechanism_is_there_at_the_same_budget():
    portraits = [r for r in RECIPES.values() if len(r.parts) == 1 and r.parts[0].reads == "caption"]
    mechanisms = {r.parts[0].mechanism: r for r in portraits}
    assert len(mechanisms) == 5
    steps = {m: r.training.steps for m, r in mechanisms.items()}
    steps["controlnet"] += RECIPES["peeps-unconditional"].training.steps
    assert len(set(steps.values())) == 1, "the model that a ControlNet steers is part of its budget"
    settings = [replace(r.training, steps=1000) for r in mechanisms.values()]
    assert all(s == settings[0] for s in settings)


@pytest.mark.parametrize(
    "parts",
    [
        (Part("layout"), Part("low_resolution", "concatenation", fold=4)),
        (Part("masked", "concatenation", drop=0.2), Part("map", "cross_attention", fold=16)),
    ],
)
def test_other_parts_train_too(course, tmp_path, parts):
    recipe = tiny(conditioning.MAP_TO_PORTRAIT, parts=parts)
    model = load_checkpoint(run_recipe(recipe, tmp_path / "run", progress=False))
    assert model.sample([wish_for(recipe)], steps=2).shape == (1, 3, 64, 64)
    assert model.sample(None, n=2, steps=2).shape == (2, 3, 64, 64), "nothing asked is a wish as well"
    assert loss_by_level(model, open_images("peeps", "valid", limit=4), seed=0)["loss"] > 0


def test_what_does_not_go_together_is_refused(course, tmp_path):
    recipe = conditioning.EDGES
    with pytest.raises(ValueError, match="a ControlNet steers a trained model; name one with start_from"):
        replace(recipe, start_from=None)
    with pytest.raises(ValueError, match="condition is captions and there are parts; a recipe has one"):
        replace(recipe, condition="captions")
    with pytest.raises(ValueError, match="start_from peeps-kl-f4 is a KLAutoencoder; name a LatentDiffusion"):
        run_recipe(tiny(recipe, start_from="peeps-kl-f4"), tmp_path / "a", progress=False)
    with pytest.raises(ValueError, match="start_from peeps-ldm predicts v under"):
        run_recipe(tiny(recipe, prediction="epsilon"), tmp_path / "b", progress=False)
    with pytest.raises(ValueError, match="start_from has a U-Net of"):
        run_recipe(tiny(recipe, unet=replace(UNET, channels=16)), tmp_path / "c", progress=False)
