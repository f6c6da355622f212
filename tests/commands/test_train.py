"""`ldm train`: every field can be changed, and a run says what to do next."""

import json

import pytest
import torch

from ldm_tutorial.cli import main
from ldm_tutorial.commands import train as command
from ldm_tutorial.recipes import all_recipes
from ldm_tutorial.training import Interrupted, NonFiniteError

TINY = [
    *[
        "--first-stage.channels",
        "8",
        "--first-stage.norm-groups",
        "4",
        "--batch-size",
        "4",
        "--data.limit",
        "12",
    ],
    *["--log-every", "1", "--warmup", "1", "--device", "cpu", "--run", "run"],
]


@pytest.mark.parametrize("recipe", all_recipes().values(), ids=lambda recipe: recipe.name)
def test_a_recipe_without_options_is_the_recipe(recipe):
    same, run, resume = command.options_of(recipe, [])
    assert same == recipe and type(same) is type(recipe)
    assert (str(run), resume) == (f"outputs/{recipe.name}", False)


def test_fields_of_every_part_can_be_changed():
    arguments = (
        "--steps 7 --learning-rate 1e-5 --data.path mine --data.flip --unet.channels 96 --prediction x0 "
    )
    arguments += (
        "--unet.channel-mult 1 2 --unet.attention 2 --schedule.name cosine --first-stage mine/kl --resume"
    )
    recipe = all_recipes()["peeps-ldm"]
    changed, _, resume = command.options_of(recipe, arguments.split())
    assert (changed.training.steps, changed.training.learning_rate) == (7, 1e-5)
    assert (changed.data.path, changed.data.flip) == ("mine", True)
    assert (changed.unet.channels, changed.unet.channel_mult, changed.unet.attention) == (96, (1, 2), (2,))
    assert (changed.prediction, changed.schedule.name, changed.first_stage) == ("x0", "cosine", "mine/kl")
    assert resume and changed.training.batch_size == recipe.training.batch_size


def test_a_vq_recipe_keeps_its_kind():
    recipe = all_recipes()["celebahq256-vq-f4"]
    changed, _, _ = command.options_of(recipe, ["--first-stage.codes", "512"])
    assert type(changed.first_stage) is type(recipe.first_stage) and changed.first_stage.codes == 512


def test_help_explains_the_fields(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["train", "peeps-ldm", "--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for option in ("--steps INT", "--data.path", "--unet.channels", "--resume", "--run"):
        assert option in text
    assert "optimizer steps" in text and "--name" not in text, "names are no choice"


def test_help_without_a_recipe_lists_them(capsys):
    assert main(["train", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in all_recipes())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["peeps-ldn"], "there is no recipe 'peeps-ldn'; did you mean peeps-ldm"),
        (["--steps", "5"], "the recipe comes first, as in: ldm train peeps-ldm --steps"),
        (["peeps-ldm", "--batch-size", "0"], "batch_size is 0; it must be at least 1"),
        (["peeps-kl-f4", "--data.path", "not-there"], "not-there"),
        (["peeps-ldm", "--first-stage", "peeps-kl-f5"], "did you mean peeps-kl-f4"),
    ],
)
def test_a_wrong_request_is_one_sentence(course, capsys, arguments, sentence):
    assert main(["train", *arguments]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1, error


def test_a_run_writes_a_checkpoint_that_the_other_commands_read(course, capsys, tmp_path):
    assert main(["train", "peeps-kl-f4", "--steps", "2", *TINY]) == 0
    out = capsys.readouterr().out
    assert "the model is in run/checkpoint" in out and "ldm reconstruct run" in out
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["training"]["steps"] == 2
    assert main(["reconstruct", "run", "--n", "2"]) == 0, (
        "the command that was named works, and knows its data"
    )
    assert main(["info", "run"]) == 0

    assert main(["train", "peeps-kl-f4", "--steps", "2", *TINY]) == 2
    assert "run holds a run already; add --resume" in capsys.readouterr().err
    assert main(["train", "peeps-kl-f4", "--steps", "3", *TINY, "--resume"]) == 0
    records = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 2, 3], "resumed, not begun anew"


def test_ctrl_c_says_how_to_go_on(course, monkeypatch, capsys):
    def run_recipe(recipe, run, resume):
        assert (recipe.name, str(run), resume) == ("peeps-ldm", "my run", True)
        raise Interrupted("stopped after step 7 of 9; its state is saved in my run")

    monkeypatch.setattr(command, "run_recipe", run_recipe)
    assert main(["train", "peeps-ldm", "--resume", "--run", "my run", "--steps", "9"]) == 130
    assert capsys.readouterr().err == (
        "ldm: stopped after step 7 of 9; its state is saved in my run; "
        "go on with: ldm train peeps-ldm --run 'my run' --steps 9 --resume\n"
    )


def test_a_nan_says_where_and_leaves_with_1(course, monkeypatch, capsys):
    def run_recipe(*_):
        raise NonFiniteError("step 3: the output of unet.conv_in is not finite; no state was saved before it")

    monkeypatch.setattr(command, "run_recipe", run_recipe)
    assert main(["train", "peeps-ldm"]) == 1
    assert capsys.readouterr().err.startswith("ldm: step 3: the output of unet.conv_in is not finite;")


def test_a_full_gpu_says_what_helps(course, monkeypatch, capsys):
    def run_recipe(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(command, "run_recipe", run_recipe)
    assert main(["train", "peeps-ldm"]) == 1
    error = capsys.readouterr().err
    assert "--accumulation 2" in error and "--batch-size" in error and error.count("\n") == 1
