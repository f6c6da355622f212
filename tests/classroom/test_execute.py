"""Executing a lesson: clean outputs, stable bytes, and failures that leave the file alone."""

import base64
import io

import nbformat
import numpy as np
import pytest
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from ldm_tutorial.classroom import grid
from ldm_tutorial.classroom.execute import NotebookError, clean, execute, faults, lessons, main, shrink

HOME = "/".join(["", "home", "ada", "course"])  # in parts: written out, it would itself be one

LESSON = """
from ldm_tutorial.classroom import Picture, explore, say_live
from ldm_tutorial.classroom.style import styled, picture
from matplotlib.figure import Figure
say_live("this machine has 3 cores")
def draw(value):
    with styled():
        figure = Figure((2, 2)); figure.subplots().plot([0, value])
        return picture(figure, f"a line to {value}")
explore(draw, [1, 2, 3], "value")
"""


def write(path, *cells):
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


@pytest.mark.slow
def test_a_lesson_runs_and_is_stored_clean_and_stable(tmp_path):
    path = write(tmp_path / "00_lesson.ipynb", new_markdown_cell("# Hello"), new_code_cell(LESSON))
    execute(path)
    first = path.read_bytes()
    notebook = nbformat.read(path, as_version=4)
    outputs = notebook.cells[1].outputs
    assert len(outputs) == 1, "the live text and the slider leave no trace"
    assert outputs[0].data["text/plain"] == "a line to 1 | a line to 2 | a line to 3"
    assert "image/png" in outputs[0].data
    assert "widgets" not in notebook.metadata and "execution" not in notebook.cells[1].metadata
    execute(path)
    assert path.read_bytes() == first, "running again must change nothing"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import warnings; warnings.warn('look out')", "wrote to stderr"),
        (f"print('{HOME}')", f"prints a path of this machine: {HOME}"),
        ("print('x' * 2_000_000)", "more than the 1.5 MB"),
    ],
)
def test_a_lesson_that_does_not_run_cleanly_is_left_alone(tmp_path, code, message):
    path = write(tmp_path / "01_bad.ipynb", new_code_cell(code))
    before = path.read_bytes()
    with pytest.raises(NotebookError, match=message):
        execute(path)
    assert path.read_bytes() == before


def test_faults_name_the_cell():
    ran = new_code_cell("x", execution_count=1, outputs=[new_output("stream", name="stderr", text="warning")])
    found = faults(new_notebook(cells=[new_markdown_cell("text"), ran, new_code_cell("never")]))
    assert found == ["cell 1 wrote to stderr: warning", "cell 2 was never run"]


@pytest.mark.parametrize("text", ["see https://example.org/home/x", "data/home/x", "1/2", "a/tmp/b"])
def test_addresses_and_relative_paths_are_no_machine_paths(text):
    cell = new_code_cell("x", execution_count=1, outputs=[new_output("stream", name="stdout", text=text)])
    assert faults(new_notebook(cells=[cell])) == []


def test_clean_keeps_tags_and_drops_the_rest():
    cell = new_code_cell("x", metadata={"tags": ["exercise"], "execution": {"iopub.status.busy": "now"}})
    notebook = new_notebook(
        cells=[cell],
        metadata={"widgets": {"state": {}}, "language_info": {"name": "python", "version": "3.11.7"}},
    )
    clean(notebook)
    assert notebook.cells[0].metadata == {"tags": ["exercise"]}
    assert "widgets" not in notebook.metadata and "version" not in notebook.metadata.language_info


def test_stored_pictures_are_smaller_and_look_the_same():
    x = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    smooth = torch.nn.functional.interpolate(x, 64, mode="bilinear")
    png = grid(smooth).png
    small = shrink(base64.b64encode(png).decode())
    assert len(small) < 0.6 * len(png)
    before, after = (np.asarray(Image.open(io.BytesIO(p)).convert("RGB")).astype(int) for p in (png, small))
    assert np.abs(before - after).mean() < 5, "levels of 256, on average"
    assert shrink(base64.b64encode(small).decode()) == small, "shrinking again changes nothing"


def test_lessons_are_chosen_by_the_beginning_of_their_names(tmp_path):
    for name in ("08_latent.ipynb", "00_welcome.ipynb", ".hidden.ipynb"):
        write(tmp_path / name)
    assert [path.name for path in lessons(tmp_path)] == ["00_welcome.ipynb", "08_latent.ipynb"]
    assert [path.name for path in lessons(tmp_path, ["08"])] == ["08_latent.ipynb"]
    with pytest.raises(SystemExit, match=r"no notebook in .* begins with '05'"):
        lessons(tmp_path, ["05"])


def test_the_command_reports_failures(tmp_path, monkeypatch, capsys):
    write(tmp_path / "00_lesson.ipynb", new_code_cell("x"))

    def fail(*_):
        raise NotebookError("a cell raised NameError: x")

    monkeypatch.setattr("ldm_tutorial.classroom.execute.execute", fail)
    assert main([str(tmp_path)]) == 1
    assert "FAILED  00_lesson.ipynb: a cell raised NameError: x" in capsys.readouterr().err
