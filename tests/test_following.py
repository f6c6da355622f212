"""What says whether pictures follow edges."""

import sys
from pathlib import Path

import pytest
import torch

from ldm_tutorial.data import open_images, to_float

ROOT = Path(__file__).parents[1]


@pytest.fixture
def following(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    return pytest.importorskip("benchmarks.following")


def test_originals_meet_their_own_edges_and_others_do_not(following):
    images = open_images("peeps", "valid", limit=8)
    originals = to_float(images.pixels())
    assert following.met(originals, images) == {"edges met": 1.0, "edges right": 1.0}
    others = following.met(originals.roll(1, 0), images)
    assert others["edges met"] < 0.7 and others["edges right"] < 0.7


def test_a_picture_with_more_edges_meets_all_and_is_not_right(following):
    images = open_images("peeps", "valid", limit=8)
    crowded = to_float(images.pixels())
    crowded[:, :, ::8] = -crowded[:, :, ::8]
    found = following.met(crowded, images)
    assert found["edges met"] > 0.8 and found["edges right"] < found["edges met"]


def test_every_row_has_a_cell_for_each_column(following, monkeypatch):
    def row(name, given, images):
        names = ("edges met", "edges right", "accuracy", "precision", "recall")
        return dict.fromkeys(names, 0.5) | {
            "FD-lite0": 70.0,
            "KD-lite0": 0.1,
            "KD-lite0 standard error": 0.01,
        }

    monkeypatch.setattr(following, "row", row)
    monkeypatch.setattr(following, "N", 4)
    monkeypatch.setattr(following, "reconstruct", lambda _, images: images + torch.tensor(0.0))
    rows = following.table(rounds=1)
    assert [len(cells) for cells in rows] == [len(following.HEADER)] * 7
    assert [cells[0] for cells in rows[-2:]] == ["copies", "others"]
    assert rows[-2][2:4] == ["100.0%", "100.0%"], "what is copied without loss has all edges"
