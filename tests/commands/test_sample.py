"""`ldm sample`: what is asked for is what is drawn."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from ldm_tutorial.cli import main
from ldm_tutorial.data import to_uint8
from ldm_tutorial.training import load_checkpoint

FEW = ["--steps", "2", "--device", "cpu"]


def pixels(path) -> np.ndarray:
    return np.array(Image.open(path))


def test_a_row_for_each_prompt(course, capsys):
    prompts = ["a person with red hair", "a green background"]
    assert main(["sample", "peeps-ldm", "--prompt", *prompts, "--n", "3", *FEW]) == 0
    assert pixels("outputs/samples.png").shape == (2 * 64 + 2, 3 * 64 + 2 * 2, 3), (
        "2 rows of 3, 2 pixels between"
    )
    out = capsys.readouterr().out
    assert "row 1: a person with red hair\nrow 2: a green background\n6 pictures of 64x64" in out


def test_prompts_may_be_repeated_options(course):
    main(["sample", "peeps-ldm", "--prompt", "a red shirt", "a hat", "--n", "1", *FEW, "--out", "one.png"])
    twice = ["--prompt", "a red shirt", "--prompt", "a hat"]
    main(["sample", "peeps-ldm", *twice, "--n", "1", *FEW, "--out", "two.png"])
    assert (pixels("one.png") == pixels("two.png")).all()


def test_the_pictures_are_those_of_the_model(course):
    prompts = ["a red shirt", "a hat"]
    options = ["--n", "2", "--seed", "7", "--guidance-scale", "2", "--eta", "0.5", "--batch-size", "3"]
    assert main(["sample", "peeps-ldm", "--prompt", *prompts, *options, *FEW, "--out", "pictures"]) == 0
    wishes = ["a red shirt", "a red shirt", "a hat", "a hat"]
    expected = load_checkpoint("peeps-ldm").sample(wishes, steps=2, seed=7, guidance_scale=2, eta=0.5)
    drawn = np.stack([pixels(f"pictures/{i}.png") for i in range(4)])
    difference = np.abs(drawn.astype(int) - to_uint8(expected).permute(0, 2, 3, 1).numpy())
    assert difference.max() <= 1, "--n, --seed, --eta and batches mean the same as in LatentDiffusion.sample"


def test_the_settings_are_kept_in_the_file(course):
    main(["sample", "peeps-ldm", "--prompt", "a hat", "--seed", "5", *FEW])
    record = json.loads(Image.open("outputs/samples.png").text["ldm"])
    assert (record["checkpoint"], record["seed"], record["steps"], record["n"]) == ("peeps-ldm", 5, 2, 4)
    assert record["prompt"] == ["a hat"]


def test_attributes(course):
    wish = ["--attributes", "Smiling", "Eyeglasses=no"]
    assert main(["sample", "celeba64-ldm", *wish, "--n", "1", *FEW, "--out", "pictures"]) == 0
    wishes = [{"Smiling": True, "Eyeglasses": False}]
    expected = to_uint8(load_checkpoint("celeba64-ldm").sample(wishes, steps=2))[0].permute(1, 2, 0).numpy()
    assert np.abs(pixels("pictures/0.png").astype(int) - expected).max() <= 1


def test_without_a_wish_sixteen_pictures(course):
    assert main(["sample", "unconditional", *FEW]) == 0
    assert pixels("outputs/samples.png").shape == (2 * 64 + 2, 8 * 64 + 7 * 2, 3)


def test_unknown_words_are_named_in_a_warning(course, capsys):
    assert main(["sample", "peeps-ldm", "--prompt", "a red spaceship", "--n", "1", *FEW]) == 0
    assert capsys.readouterr().err == (
        "ldm: warning: peeps-ldm has never read 'spaceship', in \"a red spaceship\"\n"
    )


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (
            ["celeba64-ldm", "--prompt", "a face"],
            "reads attributes: --attributes Smiling Eyeglasses Male ...",
        ),
        (["peeps-ldm", "--attributes", "Smiling"], 'peeps-ldm reads captions: --prompt "..."'),
        (["unconditional", "--prompt", "a face"], "takes no wishes and draws from noise alone"),
        (
            ["celeba64-ldm", "--attributes", "Smilling"],
            "'Smilling' is not one of this model's; near it: Smiling",
        ),
        (["celeba64-ldm", "--attributes", "Male=perhaps"], "write Male, Male=yes or Male=no"),
        (["peeps-ldm", "--n", "0"], "--n is 0; it must be at least 1"),
        (["peeps-ldm", "--out", "samples.jpg"], "--out is samples.jpg; name a .png file, or a folder"),
        (["peeps-kl-f4"], "peeps-kl-f4 is a checkpoint of KLAutoencoder; ldm sample takes LatentDiffusion"),
        (["peeps-lmd"], "did you mean peeps-ldm"),
        (["peeps-ldm", "--steps", "0"], "steps"),
    ],
)
def test_a_wrong_request_is_one_sentence(course, capsys, request_, sentence):
    given = request_ if "--steps" in request_ else [*request_, *FEW]
    assert main(["sample", *given]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1, error


def test_an_unknown_option_is_refused(course, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["sample", "peeps-ldm", "--guidance", "3"])
    assert stop.value.code == 2
    assert "--guidance-scale" in capsys.readouterr().err, "the option that was meant is named"


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_device_that_is_not_there(course, capsys):
    assert main(["sample", "peeps-ldm", "--device", "cuda", "--steps", "2"]) == 2
    assert capsys.readouterr().err == "ldm: --device is cuda, which this machine does not have; use cpu\n"


def test_samplers_by_name(course, capsys):
    request = ["sample", "peeps-ldm", "--prompt", "a hat", "--n", "1", *FEW]
    assert main([*request, "--sampler", "dpm++", "--spacing", "karras", "--out", "dpm.png"]) == 0
    assert json.loads(Image.open("dpm.png").text["ldm"])["sampler"] == "DPMSolverPP2M, karras"
    main([*request, "--out", "ddim.png"])
    assert json.loads(Image.open("ddim.png").text["ldm"])["sampler"] == "DDIM, trailing"
    assert (pixels("dpm.png") != pixels("ddim.png")).any()
    assert main([*request, "--sampler", "heun", "--eta", "0.5"]) != 0
    assert "eta is 0.5, but only DDIM has one" in capsys.readouterr().err


def test_a_negative_prompt_and_guidance_options_reach_the_model(course, capsys):
    request = ["sample", "peeps-ldm", "--prompt", "a hat", "--n", "1", *FEW, "--out", "pictures"]
    options = [
        "--negative-prompt",
        "red hair",
        "--guidance-rescale",
        "0.7",
        "--guidance-interval",
        "100",
        "999",
    ]
    assert main([*request, *options]) == 0
    expected = load_checkpoint("peeps-ldm").sample(
        ["a hat"], steps=2, negative_prompt="red hair", guidance_rescale=0.7, guidance_interval=(100, 999)
    )
    drawn = pixels("pictures/0.png").astype(int)
    assert np.abs(drawn - to_uint8(expected)[0].permute(1, 2, 0).numpy()).max() <= 1
    assert capsys.readouterr().err == ""


@pytest.mark.filterwarnings("always")
def test_a_negative_prompt_is_warned_of_where_it_can_not_work(course, capsys):
    request = ["sample", "peeps-ldm", "--prompt", "a hat", "--n", "1", *FEW, "--negative-prompt"]
    assert main([*request, "spaceship", "--guidance-scale", "1"]) == 0
    error = capsys.readouterr().err
    assert "ldm: warning: guidance_scale is 1.0; a negative prompt has no effect" in error
    assert "peeps-ldm has never read 'spaceship'" in error
    assert main(["sample", "peeps-ldm", "--negative-prompt", "red", *FEW]) == 2
    assert "--negative-prompt needs a --prompt beside it" in capsys.readouterr().err
