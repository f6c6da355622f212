"""The frame of the `ldm` command: help at once, errors in one sentence."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ldm_tutorial import cli, data

ROOT = Path(__file__).parents[1]


def test_help_lists_every_command_and_every_command_has_its_file(capsys):
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for command in cli.COMMANDS:
        assert f"\n  {command} " in text
        assert importlib.util.find_spec(f"ldm_tutorial.commands.{command}"), (
            f"commands/{command}.py is missing"
        )


def test_help_answers_within_a_second_without_torch():
    code = (
        "import json, sys, time\n"
        "from ldm_tutorial.cli import main\n"
        "main(['--help'])\n"
        "heavy = [name for name in ('torch', 'numpy', 'tyro') if name in sys.modules]\n"
        "print(json.dumps([time.process_time(), heavy]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, heavy = json.loads(done.stdout.splitlines()[-1])
    assert heavy == [], "ldm --help imports nothing heavy"
    assert seconds < 1, "ldm --help answers within a second"


def test_no_command_is_help(capsys):
    assert cli.main([]) == 0
    assert "usage: ldm COMMAND" in capsys.readouterr().out


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ldm-tutorial 0.")


def test_an_unknown_command_names_the_nearest_and_all(capsys):
    assert cli.main(["smple"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        "ldm: there is no command 'smple'; did you mean sample? the commands are demo, sample"
    )
    assert error.count("\n") == 1, "one sentence"


def failing(monkeypatch, error):
    """Make `ldm recipes` raise."""
    import ldm_tutorial.commands.recipes as command

    def main(arguments):
        raise error

    monkeypatch.setattr(command, "main", main)


def test_an_error_of_the_package_is_one_sentence(monkeypatch, capsys):
    import ldm_tutorial.commands.recipes as command

    monkeypatch.setattr(command, "main", lambda _: data.bundled("nothing of the kind"))
    assert cli.main(["recipes"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("ldm: bundled data 'nothing of the kind' is not in") and error.count("\n") == 1


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch):
    failing(monkeypatch, ValueError("raised outside the package"))
    with pytest.raises(ValueError, match="outside the package"):
        cli.main(["recipes"])


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConnectionError("no network; use peeps"), "ldm: no network; use peeps\n"),
        (FileExistsError("outputs/a holds a run already"), "ldm: outputs/a holds a run already\n"),
        (PermissionError(13, "Permission denied", "outputs"), "ldm: Permission denied: outputs\n"),
    ],
)
def test_errors_of_the_system_are_one_sentence(monkeypatch, capsys, error, sentence):
    failing(monkeypatch, error)
    assert cli.main(["recipes"]) == 2
    assert capsys.readouterr().err == sentence


def test_ctrl_c(monkeypatch, capsys):
    failing(monkeypatch, KeyboardInterrupt())
    assert cli.main(["recipes"]) == 130
    assert capsys.readouterr().err == "ldm: interrupted\n"


def test_warnings_are_one_line(monkeypatch, capsys):
    import warnings

    import ldm_tutorial.commands.recipes as command

    monkeypatch.setattr(command, "main", lambda _: warnings.warn("2 images are skipped", stacklevel=1))
    assert cli.main(["recipes"]) == 0
    assert capsys.readouterr().err == "ldm: warning: 2 images are skipped\n"
