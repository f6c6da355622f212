"""The Makefile's set-up, with a Python that only pretends to install: what it makes, and what it refuses."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")

# Checks run in a real Python, after {pretend}; `-m venv` makes commands that only write down their arguments.
PYTHON = """#!/bin/sh
if [ "$1" = -c ]; then
    exec '{real}' -c 'import shutil, sys, importlib.util as u
{pretend}
exec(sys.argv[1])' "$2"
fi
mkdir -p .venv/bin
for name in python ldm; do
    printf '#!/bin/sh\\necho %s "$@" >> log\\n' $name > .venv/bin/$name
    chmod +x .venv/bin/$name
done
echo venv >> log
"""
OUTER = {"PYTHON", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}  # what a `make test` around this one would pass on
ROOM = 'shutil.disk_usage = lambda path: type("Usage", (), {"free": 50e9})'


@pytest.fixture
def clone(tmp_path) -> Path:
    folder = tmp_path / "a clone (1), it's"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, folder)
    return folder


def python(folder: Path, pretend: str = ROOM, name: str = "python9") -> Path:
    path = folder / name
    path.write_text(PYTHON.format(real=sys.executable, pretend=pretend))
    path.chmod(0o755)
    return path


def make(clone: Path, *arguments, **environment) -> subprocess.CompletedProcess:
    """`make` as a reader calls it, whatever this test was started from."""
    inherited = {key: value for key, value in os.environ.items() if key not in OUTER}
    command = ["make", *map(str, arguments)]
    return subprocess.run(
        command, cwd=clone, env=inherited | environment, capture_output=True, text=True, check=False
    )


def log(clone: Path) -> list[str]:
    """What was called since the last look."""
    path = clone / "log"
    lines = path.read_text().splitlines() if path.exists() else []
    path.write_text("")
    return [line.split(" --editable ")[-1] if "pip install" in line else line for line in lines]


def test_help_names_every_command():
    shown = make(ROOT).stdout
    assert all(f"make {name} " in shown for name in ("demo", "lab", "test", "notebooks", "bench", "clean"))


def test_set_up_happens_once(clone):
    here = python(clone)
    assert make(clone, "demo", f"PYTHON={here}").returncode == 0
    assert log(clone) == ["venv", ".", "ldm demo"]
    started = time.perf_counter()
    make(clone, "demo", f"PYTHON={here}")
    assert log(clone) == ["ldm demo"], "the second run must not install again"
    assert time.perf_counter() - started < 3


def test_constraints_are_applied(clone):
    make(clone, "demo", f"PYTHON={python(clone)}")
    assert "--constraint constraints.txt --editable ." in (clone / "log").read_text()


def test_what_more_is_needed_is_added(clone):
    here = python(clone)
    make(clone, "demo", f"PYTHON={here}")
    make(clone, "notebooks", f"PYTHON={here}")
    make(clone, "bench", f"PYTHON={here}")
    make(clone, "notebooks", f"PYTHON={here}")
    assert log(clone) == [
        *["venv", ".", "ldm demo"],
        *[".[notebooks]", "python -m ldm_tutorial.classroom.execute notebooks"],
        *[".[notebooks,dev,data]", "python -m benchmarks.run"],
        "python -m ldm_tutorial.classroom.execute notebooks",
    ]


@pytest.mark.parametrize("changed", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_what_is_needed_installs_again(clone, changed):
    here = python(clone)
    make(clone, "demo", f"PYTHON={here}")
    later = time.time() + 5
    os.utime(clone / changed, (later, later))
    log(clone)
    make(clone, "demo", f"PYTHON={here}")
    assert log(clone) == [".", "ldm demo"]


def test_a_folder_that_was_moved_is_set_up_anew(clone):
    make(clone, "demo", f"PYTHON={python(clone)}")
    moved = clone.rename(clone.with_name("elsewhere"))
    log(moved)
    make(moved, "demo", f"PYTHON={moved / 'python9'}")
    assert log(moved) == ["venv", ".", "ldm demo"]


def test_the_first_python_that_is_new_enough_is_taken(clone, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    python(folder, 'sys.version_info = (3, 9, 1, "final", 0)', "python3")
    python(folder, ROOM, "python3.12")
    make(clone, "demo", PATH=f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
    assert log(clone) == ["venv", ".", "ldm demo"], "python3 is too old here, python3.12 is not"


@pytest.mark.parametrize(
    ("pretend", "says"),
    [
        (
            'sys.version_info = (3, 11, 4, "final", 0)',
            "Python 3.11.4 is too old, 3.11.5 is needed: install a",
        ),
        ('sys.version_info = (2, 7, 18, "final", 0)', "Python 2.7.18 is too old"),
        ("u.find_spec = lambda name: None", "cannot make virtual environments: install its venv package"),
        (
            'shutil.disk_usage = lambda path: type("Usage", (), {"free": 2.5e9})',
            "2.5 GB are free on this disk and PyTorch needs",
        ),
    ],
)
def test_what_is_missing_is_said_in_one_line_and_nothing_is_left_behind(clone, pretend, says):
    done = make(clone, "demo", f"PYTHON={python(clone, pretend)}")
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(said) == 1, f"one line is enough: {said}"
    assert says in said[0]
    assert not (clone / ".venv").exists()


def test_a_python_that_is_not_there(clone):
    done = make(clone, "demo", "PYTHON=python-of-tomorrow")
    assert "There is no python-of-tomorrow here: install Python 3.11.5 or newer" in done.stdout + done.stderr
    assert not (clone / ".venv").exists()
