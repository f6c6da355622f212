"""What is committed: sizes, kinds of files, and nothing that belongs to one machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = {".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".ipynb", ".json", ".cff", ".cfg", ".sh", ""}
PICKLES = {".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".bin", ".joblib"}
# Ada is nobody: she is the example in the tests of what finds such paths.
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:root|work|home/(?!ada\b)\w+|Users/\w+|tmp/ipykernel|mnt/\w+)\b")


@pytest.fixture(scope="module")
def committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip(f"{ROOT.name} is not a git clone, so nothing says which files belong to it")
    return [path for name in listed.stdout.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_file_is_large_and_the_whole_is_small(committed):
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size for path in committed}
    large = {name: size for name, size in sizes.items() if size > 15e6}
    assert not large, f"more than 15 MB: {large}"
    assert sum(sizes.values()) < 150e6, f"the repository holds {sum(sizes.values()) / 1e6:.0f} MB"


def test_weights_are_safetensors(committed):
    pickled = [path.name for path in committed if path.suffix in PICKLES]
    assert not pickled, f"these run code when they are loaded: {pickled}"


def test_no_path_of_a_machine_is_committed(committed):
    found = {
        path.relative_to(ROOT).as_posix(): match.group()
        for path in committed
        if path.suffix in TEXT and (match := MACHINE_PATH.search(path.read_text(encoding="utf-8")))
    }
    assert not found


def test_a_file_is_one_idea():
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "ldm_tutorial").rglob("*.py")
    }
    long = {name: lines for name, lines in lengths.items() if lines > 250}
    assert not long, f"more than 250 lines: {long}"


def test_names_differ_by_more_than_case(committed):
    """A clone on macOS or Windows would lose one of two such files."""
    names = [path.relative_to(ROOT).as_posix().lower() for path in committed]
    assert len(names) == len(set(names))
