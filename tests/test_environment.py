"""pyproject.toml, constraints.txt and environment.yml describe one environment."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {  # where conda-forge's name is not the one on the package index
    "matplotlib-base": "matplotlib",
    "playwright-python": "playwright",
    "python-lmdb": "lmdb",
    "pytorch": "torch",
}
PINNED_BY_TORCH = re.compile(r"nvidia-|cuda-|triton$")


def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements() -> dict[str, Requirement]:
    """What pyproject.toml asks for, all extras included, by canonical name."""
    lines = [*project()["dependencies"], *chain(*project()["optional-dependencies"].values())]
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_constraints_hold_names_and_versions_only():
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"#.*|[a-z0-9-]+==[0-9][0-9a-z.]*", line), f"{line!r} is more than name==version"
    assert list(constraints()) == sorted(constraints()), "constraints.txt is not sorted"


def test_constraints_pin_everything_asked_for_at_a_version_that_is_accepted():
    for name, requirement in requirements().items():
        assert name in constraints(), f"constraints.txt has no version of {name}"
        assert Version(constraints()[name]) in requirement.specifier, (
            f"{name} is pinned outside {requirement}"
        )


def test_constraints_pin_what_the_packages_bring_along():
    """Walks the installed packages, so it sees what this platform and Python bring."""
    waiting, seen = list(requirements().values()), set()
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in {"", *wanted.extras}:
            if (name, extra) in seen or PINNED_BY_TORCH.match(name):
                continue
            seen.add((name, extra))
            try:
                brought = map(Requirement, distribution(name).requires or [])
            except PackageNotFoundError:
                continue
            waiting += [r for r in brought if r.marker is None or r.marker.evaluate({"extra": extra})]
    missing = {name for name, _ in seen} - constraints().keys()
    assert not missing, f"constraints.txt has no version of {sorted(missing)}"


def test_conda_installs_the_same_packages():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge"]
    *lines, pip = environment["dependencies"]
    lines += [line for line in pip["pip"] if line != "--editable ."]
    assert len(lines) == len(pip["pip"]) - 1 + len(environment["dependencies"]) - 1, (
        "the course is not installed"
    )
    conda = {CONDA_NAMES.get(r.name, r.name): r.specifier for r in map(Requirement, lines)}
    assert str(conda.pop("python")) == project()["requires-python"]
    conda.pop("pip")
    assert conda == {name: r.specifier for name, r in requirements().items()}


@pytest.mark.parametrize(
    "name", ["constraints.txt", "environment.yml", "pyproject.toml", "Makefile", ".ci/run"]
)
def test_no_host_is_named(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"https?://|--index-url|--find-links|--hash", text), f"{name} names a host or a hash"
