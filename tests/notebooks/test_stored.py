"""The lessons as they are stored: run, clean, small, and whole."""

import ast
import base64
import builtins
import io
import re
import shlex
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from ldm_tutorial.classroom.execute import LARGEST, faults
from ldm_tutorial.cli import COMMANDS
from ldm_tutorial.commands.common import parse
from ldm_tutorial.commands.sample import Sample
from ldm_tutorial.commands.train import find, options_of
from ldm_tutorial.recipes import all_recipes

FOLDER = Path(__file__).parents[2] / "notebooks"
LESSONS = sorted(FOLDER.glob("*.ipynb"))
DRAWING = {"grid", "rows", "strip", "maps", "curves", "bars", "scatter", "paths", "panels"}
DRAWING |= {"over_guidance", "over_steps", "over_minutes", "of_mechanisms", "of_families"}
DRAWING |= {"explore", "choose", "drag", "balls"}


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def notebook(path):
    return nbformat.read(path, as_version=4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def printed(notebook):
    return "".join(o.text for cell in code_cells(notebook) for o in cell.outputs if o.output_type == "stream")


def draws(source):
    """Whether the cell draws outside of a function that it defines."""
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not isinstance(node, ast.FunctionDef)]
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return any(isinstance(call, ast.Name) and call.id in DRAWING for call in calls)


def test_there_are_lessons():
    names = ["welcome", "autoencoders", "vq_codebook", "perceptual_compression", "ddpm", "unet", "samplers"]
    names += ["conditioning", "latent_diffusion", "guidance", "measuring"]
    expected = {f"{number:02}_{name}" for number, name in enumerate(names)}
    assert expected <= {path.stem for path in LESSONS}


def test_it_is_clean_and_every_cell_was_run(notebook):
    assert faults(notebook) == []
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), "cells must be run once each, from top to bottom"


def test_what_draws_holds_a_picture(notebook):
    """nbval compares no pictures: without this a missing one would pass."""
    drawing = [cell for cell in code_cells(notebook) if draws(cell.source)]
    assert drawing
    for cell in drawing:
        found = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
        assert found, f"this cell draws, but holds no picture:\n{cell.source}"
        for png in found:
            image = Image.open(io.BytesIO(base64.b64decode(png))).convert("L")
            low, high = image.getextrema()
            assert min(image.size) > 50 and high - low > 100, f"an empty picture:\n{cell.source}"


def test_what_it_shows_of_the_package_is_of_today(notebook):
    """Sources and cards whose names are imported; those of a lesson's own variables nbval compares."""
    names = {}
    trees = [ast.parse(cell.source) for cell in code_cells(notebook)]
    imports = [n for tree in trees for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(imports, []), "imports", "exec"), names)
    for cell, tree in zip(code_cells(notebook), trees, strict=True):
        shown = tree.body[-1].value if isinstance(tree.body[-1], ast.Expr) else None
        if not isinstance(shown, ast.Call) or ast.unparse(shown.func) not in ("show_card", "show_source"):
            continue
        used = {node.id for node in ast.walk(shown) if isinstance(node, ast.Name)}
        if used <= names.keys() | vars(builtins).keys():
            today = repr(eval(ast.unparse(shown), names))
            stored = next(o.data["text/plain"] for o in cell.outputs if "text/plain" in o.get("data", {}))
            fresh = without_lines(stored) == without_lines(today)
            assert fresh, f"{ast.unparse(shown)} is out of date: run make notebooks"


def without_lines(source):
    """A source's place without its line numbers, which move when something above it changes."""
    return re.sub(r", lines \d+-\d+", "", source, count=1).strip()


def test_it_is_small(path):
    assert path.stat().st_size < LARGEST


def test_it_has_the_parts_of_a_lesson(notebook):
    text = prose(notebook)
    assert text.startswith("# "), "a lesson begins with its title"
    for part in ("## Set-up", "## What to remember", "## Questions", "## Going further"):
        assert part in text, f"the part '{part}' is missing"
    assert text.count("<details><summary>") >= 3, "three questions with folded answers"
    assert text.count("<details>") == text.count("</details>")
    source = "\n".join(cell.source for cell in code_cells(notebook))
    assert 3 <= source.count("\ncheck(lesson.") <= 6, "three to six exercises"
    assert "gate(" in source


def test_its_gates_are_passed_and_its_stubs_are_blank(notebook):
    said, source = printed(notebook), "\n".join(cell.source for cell in code_cells(notebook))
    assert said.count("gate passed") == len(re.findall(r"^gate\(", source, re.MULTILINE))
    assert said.count("not filled in yet") == source.count("\ncheck(lesson."), (
        "stored with its stubs unfilled"
    )


def test_its_cells_are_short(notebook):
    for cell in code_cells(notebook):
        tree = ast.parse(cell.source)
        spans = [
            n.end_lineno - n.lineno + 1 for n in tree.body if not isinstance(n, ast.Import | ast.ImportFrom)
        ]
        assert sum(spans) <= 20, f"{sum(spans)} lines are too many for a cell:\n{cell.source}"


def test_printed_numbers_have_at_most_four_decimals(notebook):
    assert re.findall(r"\d+\.\d{5,}", printed(notebook)) == [], "more digits than are stable"


def test_its_tone_is_plain(notebook):
    text = re.sub(r"```.*?```", "", prose(notebook), flags=re.DOTALL)
    assert "!" not in text, "no exclamation marks"


def test_its_links_to_other_lessons_resolve(notebook):
    for name in re.findall(r"\]\(([\w/.]+\.ipynb)\)", prose(notebook)):
        assert (FOLDER / name).exists(), f"{name} is linked, but not there"


def test_the_commands_it_names_are_understood(notebook):
    for line in re.findall(r"^(?:# )?ldm (.+)$", prose(notebook), re.MULTILINE):
        command, *arguments = shlex.split(line)
        assert command in COMMANDS, f"there is no command: ldm {line}"
        if command == "train":
            options_of(find(arguments[0], all_recipes()), arguments[1:])
        elif command == "sample":
            parse(Sample, "sample", arguments)
    for name in re.findall(r"`ldm train ([a-z][\w-]+)", prose(notebook)):
        assert name in all_recipes(), f"there is no recipe {name}"
