"""`ldm sample --follow`: a map or edges from a file are what the model is told."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ldm_tutorial.cli import main
from ldm_tutorial.commands.follow import followed
from ldm_tutorial.conditioning import edges_of
from ldm_tutorial.data import open_images, to_uint8
from ldm_tutorial.training import load_checkpoint, run_recipe
from tests.commands.test_conditioning_recipes import RECIPES, tiny

FEW = ["--steps", "2", "--n", "1", "--device", "cpu", "--out", "pictures"]


@pytest.fixture
def portrait(course):
    """A portrait and its map as files in the folder we are in, and as tensors."""
    images = open_images("peeps", "valid", limit=1)
    Image.fromarray(images.pixels()[0].permute(1, 2, 0).numpy()).save("portrait.png")
    Image.fromarray(images.maps()[0].numpy(), mode="L").save("map.png")
    return images.pixels()[0], images.maps()[0]


def trained(name):
    return run_recipe(tiny(RECIPES[name]), f"runs/{name}", progress=False)


def same(model, wish):
    expected = to_uint8(load_checkpoint(model).sample([wish], steps=2))[0].permute(1, 2, 0).numpy()
    drawn = np.array(Image.open("pictures/0.png")).astype(int)
    return np.abs(drawn - expected).max() <= 1


@pytest.mark.parametrize("prompt", [None, "a red shirt"])
def test_edges_of_an_image_and_a_map_reach_the_model(portrait, prompt):
    pixels, classes = portrait
    said = {} if prompt is None else {"caption": prompt}
    asked = [] if prompt is None else ["--prompt", prompt]
    for name, file, wish in (
        ("peeps-edges", "portrait.png", {"edges": edges_of(pixels[None])[0]}),
        ("peeps-map", "map.png", {"map": classes}),
    ):
        model = str(trained(name))
        assert main(["sample", model, "--follow", file, *asked, *FEW]) == 0
        assert same(model, wish | said), f"{name} must be asked for what the file and the prompt say"
        seen = followed(load_checkpoint(model), name, Path(file))
        assert seen.keys() == wish.keys() and all(torch.equal(seen[part], wish[part]) for part in wish)


def test_what_can_not_be_followed_is_one_sentence(portrait, capsys):
    model = str(trained("peeps-map"))
    Image.fromarray(np.full((64, 64), 9, dtype=np.uint8), mode="L").save("nine.png")
    Path("nothing.png").write_bytes(b"")
    for request, sentence in (
        (["peeps-ldm", "--follow", "portrait.png"], "--follow is for models that follow a map or edges"),
        ([model, "--follow", "portrait.png"], "palette indices or greyscale are accepted"),
        ([model, "--follow", "nothing.png"], "--follow nothing.png can't be read"),
        ([model, "--follow", "missing.png"], "--follow missing.png can't be read"),
        ([model, "--follow", "nine.png"], "9"),
    ):
        assert main(["sample", *request, *FEW]) == 2
        error = capsys.readouterr().err
        assert sentence in error and error.count("\n") == 1
