"""`ldm data`: show a set, check a folder, draw Peeps anew."""

import importlib.util

import numpy as np
import pytest
from PIL import Image

from ldm_tutorial.cli import main
from ldm_tutorial.data import open_images

DRAWS = all(importlib.util.find_spec(name) for name in ("dicebear", "dicebear_styles", "resvg_py"))


def test_show(course, capsys):
    assert main(["data", "show", "peeps", "--split", "holdout", "--n", "10"]) == 0
    assert np.array(Image.open("outputs/images.png")).shape == (2 * 64 + 2, 8 * 64 + 14, 3)
    out = capsys.readouterr().out
    assert out.startswith("peeps (holdout), 64x64 pixels, columns: image, caption, attributes")
    assert f"caption of the first: {open_images('peeps', 'holdout').values('caption')[0]}\n" in out


def test_check_names_what_is_skipped(course, capsys, tmp_path):
    (tmp_path / "mine").mkdir()
    for name in "ab":
        Image.fromarray(np.full((80, 80, 3), 200, dtype=np.uint8)).save(tmp_path / "mine" / f"{name}.png")
    (tmp_path / "mine" / "a.txt").write_text("a grey square")
    (tmp_path / "mine" / "broken.jpg").write_text("this is no picture")
    assert main(["data", "check", "mine"]) == 0
    captured = capsys.readouterr()
    assert "broken.jpg" in captured.out and captured.err == "", "said once, in full"
    assert "2 images can be used, 1 are skipped\n1 have a caption, 1 have none\n" in captured.out


def test_check_refuses_a_folder_without_images(course, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    assert main(["data", "check", "empty"]) == 2
    error = capsys.readouterr().err
    assert "empty" in error and error.count("\n") == 1


def test_an_unknown_set_lists_the_known_ones(course, capsys):
    assert main(["data", "show", "peps"]) == 2
    error = capsys.readouterr().err
    assert "peeps, celeba64" in error and error.count("\n") == 1


@pytest.mark.skipif(not DRAWS, reason="needs dicebear-core, dicebear-styles and resvg-py")
def test_build(course, capsys):
    assert main(["data", "build", "peeps", "--out", "drawn", "--rows", "2"]) == 0
    assert "drawn/valid.parquet" in capsys.readouterr().out
    drawn, bundled = open_images("drawn", "valid"), open_images("peeps", "valid", limit=2)
    assert drawn.values("caption") == bundled.values("caption")
    assert drawn.pixels().equal(bundled.pixels()), "the pictures of the bundled set, drawn anew"


def test_build_without_the_packages_that_draw(course, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if "resvg" in name else found(name))
    assert main(["data", "build", "peeps", "--out", "drawn"]) == 2
    assert (
        capsys.readouterr().err
        == "ldm: drawing Peeps needs resvg-py; install with: pip install -e '.[data]'\n"
    )
