"""`ldm info` and `ldm recipes`: what is said is so."""

import shutil

import pytest

from ldm_tutorial.cli import main
from ldm_tutorial.commands.recipes import count_parameters
from ldm_tutorial.recipes import all_recipes
from ldm_tutorial.training import load_checkpoint


@pytest.mark.parametrize(
    "name", ["peeps-kl-f4", "peeps-ldm", "celeba64-ldm", "peeps-attributes", "unconditional"]
)
def test_parameters_of_every_kind_of_checkpoint(course, capsys, name):
    assert main(["info", name]) == 0
    count = sum(p.numel() for p in load_checkpoint(name).parameters())
    assert f"\nparameters  {count:,} (" in capsys.readouterr().out


def test_shapes_and_wishes(course, capsys):
    main(["info", "peeps-ldm"])
    out = capsys.readouterr().out
    assert "images      3 x 64 x 64\nlatents     4 x 16 x 16, 12 times fewer numbers\n" in out
    assert "wishes      captions of up to 30 words, from a vocabulary of" in out
    main(["info", "celeba64-ldm"])
    assert "wishes      attributes: Smiling, Eyeglasses, Male, Blond_Hair\n" in capsys.readouterr().out


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_damaged_checkpoint_is_refused_in_one_sentence(course, capsys, tmp_path, file):
    copy = shutil.copytree(course / "checkpoints" / "peeps-ldm", tmp_path / "damaged")
    (copy / file).write_bytes((copy / file).read_bytes()[:-100])
    assert main(["info", "damaged"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ldm: checkpoint damaged is damaged:") and error.count("\n") == 1, error


def test_weights_of_another_model_are_refused_in_one_sentence(course, capsys, tmp_path):
    copy = shutil.copytree(course / "checkpoints" / "peeps-ldm", tmp_path / "mixed")
    shutil.copy(course / "checkpoints" / "celeba64-ldm" / "config.json", copy)
    assert main(["info", "mixed"]) == 2
    error = capsys.readouterr().err
    assert "does not fit its config at" in error and error.count("\n") == 1, error


def test_every_recipe_is_listed(capsys):
    assert main(["recipes"]) == 0
    out = capsys.readouterr().out
    for recipe in all_recipes().values():
        assert recipe.name in out and recipe.about in out
    assert max(map(len, out.splitlines())) <= 110


def test_the_papers_networks_have_the_papers_size():
    recipes = all_recipes()
    assert count_parameters(recipes["celebahq256-ldm"]) == pytest.approx(274.1e6, rel=1e-3), "table 12: 274M"
    assert count_parameters(recipes["celebahq256-vq-f4"]) == pytest.approx(55.3e6, rel=1e-2), (
        "the released vq-f4"
    )
