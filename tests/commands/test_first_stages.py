"""Every kind of first stage and the prior over codes, from its recipe to the commands that read it."""

import json
import math
import re
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from ldm_tutorial.cli import main
from ldm_tutorial.first_stage import CodePrior, KLAutoencoder, PlainAutoencoder, VQAutoencoder, VQConfig
from ldm_tutorial.recipes import all_recipes
from ldm_tutorial.training import FirstStageRecipe, load_checkpoint, run_recipe, save_checkpoint

RECIPES = all_recipes()
SMALL = {n: r for n, r in RECIPES.items() if isinstance(r, FirstStageRecipe) and r.data.size == 64}
KINDS = {"kl": KLAutoencoder, "vae": KLAutoencoder, "vq": VQAutoencoder, "ae": PlainAutoencoder}


def tiny(recipe, **changes):
    """The recipe with a few steps of a small network on a few small portraits."""
    stage = replace(recipe.first_stage, channels=8, norm_groups=4)
    stage = replace(stage, codes=16) if isinstance(stage, VQConfig) else stage
    training = replace(
        recipe.training, steps=8, batch_size=8, warmup=1, log_every=1, checkpoint_every=8, device="cpu"
    )
    data = replace(recipe.data, source="peeps", size=32, limit=8)
    return replace(recipe, data=data, first_stage=stage, training=training, **changes)


@pytest.mark.parametrize("name", SMALL)
def test_recipes_of_first_stages_run(course, tmp_path, name):
    recipe, start = tiny(SMALL[name]), None
    if recipe.perceptual_weight:
        pytest.importorskip("efficientnet_lite_pytorch", reason="the extra 'perceptual' is not installed")
    if recipe.start_from:
        torch.manual_seed(1)
        start = KLAutoencoder(recipe.first_stage)
        start.measure_scale([torch.rand(4, 3, 32, 32) * 2 - 1])
        recipe = replace(recipe, start_from=str(save_checkpoint(start, tmp_path / "start")))
    checkpoint = run_recipe(recipe, tmp_path / "run", progress=False)
    model = load_checkpoint(checkpoint)
    assert type(model) is KINDS[name.split("-")[1]] and model.config == recipe.first_stage
    records = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert records[-1]["loss"] < records[0]["loss"]
    if start is not None:
        assert {"perceptual", "logits_real", "logits_fake", "adaptive_weight"} <= records[-1].keys()
        before, after = (load_file(f / "model.safetensors") for f in (tmp_path / "start", checkpoint))
        changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
        assert changed == {"decoder", "post_quant_conv"}, "the latents should stay the same, to the bit"


@pytest.fixture
def peeps_vq(course, tmp_path):
    """A tiny VQ first stage that was trained a little, and the prior's recipe for it."""
    vq = run_recipe(tiny(RECIPES["peeps-vq-f4"]), tmp_path / "vq", progress=False)
    recipe = RECIPES["peeps-prior-f4"]
    training = replace(recipe.training, steps=6, batch_size=16, warmup=1, log_every=1)
    data = replace(recipe.data, size=32, limit=8)
    return replace(recipe, first_stage=str(vq), training=training, data=data, dim=12, depth=1, heads=2)


def test_a_prior_learns_and_all_commands_take_it(peeps_vq, tmp_path, capsys):
    prior = load_checkpoint(run_recipe(peeps_vq, tmp_path / "prior", progress=False))
    assert isinstance(prior, CodePrior)
    records = [json.loads(line) for line in (tmp_path / "prior" / "log.jsonl").read_text().splitlines()]
    assert records[-1]["loss"] < records[0]["loss"] == pytest.approx(math.log(16), abs=0.1)

    draw = ["sample", "prior", "--n", "3", "--seed", "5", "--device", "cpu", "--out", "drawn"]
    assert main([*draw, "--top-k", "4", "--temperature", "0.9"]) == 0
    assert len(list((tmp_path / "drawn").glob("*.png"))) == 3
    assert main([*draw, "--prompt", "a bald man"]) == 2
    assert "draws from noise alone" in capsys.readouterr().err
    assert main(["reconstruct", "prior", "--n", "2", "--size", "32", "--device", "cpu"]) == 0
    assert main(["info", "prior"]) == 0
    assert "8 x 8, each one of 16" in capsys.readouterr().out
    assert main(["evaluate", "prior", "--n", "4", "--device", "cpu"]) == 0
    said = re.search(r"([\d.]+) nats per code over 4 images", capsys.readouterr().out)
    assert 0 < float(said[1]) < 4


def test_evaluate_says_how_much_of_the_codebook_is_used(peeps_vq, tmp_path, capsys):
    assert main(["evaluate", "vq", "--n", "4", "--device", "cpu", "--out", "vq.json"]) == 0
    valid = json.loads((tmp_path / "vq.json").read_text())["valid"]
    assert 0 < valid["code_usage"] <= 1 <= valid["code_perplexity"] <= 16
    assert f"{valid['code_usage']:.0%} of the codes used" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["peeps-kl-f4", "--adversarial-start", "50001"], "it is a fraction of the run in [0, 1)"),
        (["peeps-kl-f4", "--perceptual-weight", "-1"], "perceptual_weight is -1.0; it must be at least 0"),
        (["peeps-kl-f4", "--train", "decoder"], "name a trained one with start_from"),
        (
            ["peeps-kl-f4-gan", "--start-from", "peeps-kl-f4"],
            "start_from peeps-kl-f4 is another network: its",
        ),
        (["peeps-prior-f4", "--first-stage", "peeps-kl-f4"], "peeps-kl-f4 is a KLAutoencoder; a prior needs"),
    ],
)
def test_a_wrong_request_is_one_sentence(course, capsys, arguments, sentence):
    assert main(["train", *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1, error


def test_starting_from_a_checkpoint_takes_its_weights(course, tmp_path):
    recipe = tiny(SMALL["peeps-kl-f4"])
    first = run_recipe(recipe, tmp_path / "first", progress=False)
    still = replace(recipe, start_from=str(first), training=replace(recipe.training, learning_rate=1e-30))
    again = run_recipe(still, tmp_path / "again", progress=False)
    before, after = (load_file(folder / "model.safetensors") for folder in (first, again))
    moved = [n for n in before if not n.startswith("latent") and not torch.equal(before[n], after[n])]
    assert not moved, "nothing was learned, so nothing should have moved"
