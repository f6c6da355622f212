"""`ldm demo`: the figure, the table and what they rest on."""

import re
from pathlib import Path

import pytest
import torch
from PIL import Image

from ldm_tutorial.cli import main
from ldm_tutorial.data import open_images
from ldm_tutorial.demo import FACES, Stage, draw_faces, legible, table, watched
from ldm_tutorial.demo.everything import REFERENCE, distance, distance_of_faces
from ldm_tutorial.metrics import Lite0Features
from ldm_tutorial.metrics.kernel import KernelDistance
from ldm_tutorial.training import load_checkpoint


def test_demo(course, capsys):
    assert main(["demo", "--out", "figures/demo.png", "--steps", "3"]) == 0
    picture = Image.open("figures/demo.png")
    assert picture.width == 1600 and 1000 < picture.height < 1600
    out = capsys.readouterr().out
    assert "drawing 16 portraits from captions, 3 steps\n" in out, "it says what it is doing"
    lines = out.splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("stage "))
    assert lines[head].split() == [
        "stage",
        "images",
        "steps",
        "seconds",
        "images/s",
        "PSNR",
        "KD-lite0",
        "attributes",
        "right",
    ]
    assert [line.split("  ")[0] for line in lines[head + 2 : head + 5]] == [
        "portraits from captions",
        "faces",
        "reconstructions",
    ]
    kernel = [re.search(r"(-?\d\.\d{3}) ± \d\.\d{3}", line) for line in lines[head + 2 : head + 5]]
    assert kernel[1] is None, "beside this model are no features of faces to measure to"
    assert kernel[0] and kernel[2]
    assert lines[-1] == "the figure is in figures/demo.png"


CELEBA = Path(__file__).parents[3] / "shared" / "data" / "celeba64"
BLACK = torch.full((8, 3, 64, 64), -1.0)


@pytest.fixture
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LDM_CACHE", str(tmp_path))


def test_the_distance_of_faces_is_one_to_faces(own_cache):
    network = Lite0Features()
    drawn, _ = draw_faces(load_checkpoint("celeba64-ldm"), seed=0, steps=5, guidance_scale=2.0)
    near, far = (distance_of_faces(network, images).value for images in (drawn, BLACK))
    assert near < 0.2 and far > 0.3, "black is nothing like a face, and what is drawn is"


def test_the_distance_of_faces_is_that_to_the_photographs(own_cache):
    if not CELEBA.is_dir():
        pytest.skip(f"needs the development images in {CELEBA}")
    network, faces = Lite0Features(), open_images(CELEBA, "valid", limit=REFERENCE)
    expected = distance(network, BLACK, faces)
    assert distance_of_faces(network, BLACK).value == pytest.approx(expected.value, rel=1e-3)


def test_a_missing_checkpoint_is_one_sentence(course, monkeypatch, tmp_path, capsys):
    (tmp_path / "bare" / "checkpoints").mkdir(parents=True)
    monkeypatch.setenv("LDM_DATA", str(tmp_path / "bare"))
    assert main(["demo"]) == 2
    error = capsys.readouterr().err
    assert "no checkpoint at peeps-ldm" in error and error.count("\n") == 1


def test_captions_are_printable_mixed_and_always_the_same(course):
    valid = open_images("peeps", "valid")
    captions, mentions = valid.values("caption"), valid.values("mentions")
    rows = legible(captions, mentions, 16)
    lengths = [len(captions[row]) for row in rows]
    assert len(set(rows)) == 16 and rows == legible(captions, mentions, 16)
    assert lengths == sorted(lengths) and lengths[0] < 40 and 60 < lengths[-1] <= 76, "from short to long"
    assert all(len(mentions[row]) >= 2 for row in rows)


def test_the_watched_picture_ends_as_the_portrait(course):
    model = load_checkpoint("peeps-ldm")
    captions = ["a red shirt", "a hat", "a blue background"]
    sampling = {"steps": 20, "guidance_scale": 2.0, "seed": 3}
    portraits, states, timesteps = watched(model, captions, 1, **sampling)
    assert torch.allclose(portraits, model.sample(captions, **sampling), atol=1e-5)
    assert len(states) == len(timesteps) == 8
    assert timesteps[0] == 999 and timesteps == sorted(timesteps, reverse=True)
    assert torch.allclose(states[-1], portraits[1], atol=1e-5), "the last prediction is the picture"


def test_faces_ask_only_for_what_the_model_knows(course):
    model = load_checkpoint("celeba64-ldm")
    faces, labels = draw_faces(model, seed=0, steps=2, guidance_scale=2.0)
    assert len(faces) == 2 * len(FACES)
    assert labels[:4] == ["smiling, blond hair", "eyeglasses", "male", ""]
    without = model.sample(None, n=16, seed=0, steps=2)
    assert torch.allclose(faces[8:], without[8:], atol=1e-4), "the second row asks for nothing"
    assert not torch.allclose(faces[:3], without[:3], atol=1e-4), "the first does"


def test_table():
    stages = [Stage("faces", 16, 8.0, steps=50), Stage("reconstructions", 64, 2.0, psnr=28.31)]
    near = KernelDistance(0.0123, 0.0045)
    stages.append(Stage("portraits", 16, 0.5, steps=50, distance=near, right=42, judged=48))
    rows = [line.split() for line in table(stages).splitlines()[2:]]
    assert rows == [
        ["faces", "16", "50", "8.0", "2.0"],
        ["reconstructions", "64", "2.0", "32.0", "28.3", "dB"],
        ["portraits", "16", "50", "0.5", "32.0", "0.012", "±", "0.004", "88%", "(N", "=", "48)"],
    ]


@pytest.mark.parametrize("count", [1, 16])
def test_fewer_steps_than_states_still_make_a_strip(course, count):
    _, states, _ = watched(load_checkpoint("peeps-ldm"), ["a hat"] * count, 0, steps=2, guidance_scale=1.0)
    assert len(states) == 8
