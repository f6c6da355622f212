"""`ldm reconstruct`: the right images, the right number."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from ldm_tutorial.cli import main
from ldm_tutorial.commands.reconstruct import interleaved
from ldm_tutorial.data import open_images, to_float
from ldm_tutorial.metrics import psnr
from ldm_tutorial.training import load_checkpoint


def expected_psnr(checkpoint, source, split, n, size=64) -> float:
    model = load_checkpoint(checkpoint)
    images = to_float(open_images(source, split, size, limit=n).pixels())
    return psnr(model.decode(model.encode(images)).clamp(-1, 1), images).mean().item()


@pytest.mark.parametrize("checkpoint", ["peeps-kl-f4", "peeps-ldm"])
def test_prints_the_psnr_of_held_out_images(course, capsys, checkpoint):
    assert main(["reconstruct", checkpoint, "--n", "3", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"over 3 images of peeps \(valid\)", out)
    if checkpoint == "peeps-kl-f4":
        assert f"PSNR {expected_psnr(checkpoint, 'peeps', 'valid', 3):.2f} dB" in out
    assert np.array(Image.open("outputs/reconstructions.png")).shape == (2 * 64 + 2, 3 * 64 + 4, 3)


def test_a_folder_of_ones_own(course, capsys, tmp_path):
    (tmp_path / "mine").mkdir()
    for i in range(3):
        noise = np.random.default_rng(i).integers(0, 255, (50, 70, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "mine" / f"{i}.png")
    assert main(["reconstruct", "peeps-kl-f4", "--data", "mine", "--size", "32", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert f"PSNR {expected_psnr('peeps-kl-f4', 'mine', 'all', 8, 32):.2f} dB, the mean over 3 images" in out


def test_a_size_that_does_not_fit_is_one_sentence(course, capsys):
    assert main(["reconstruct", "peeps-kl-f4", "--size", "50", "--device", "cpu"]) == 2
    error = capsys.readouterr().err
    assert "not a multiple of" in error and error.count("\n") == 1


def test_a_checkpoint_that_does_not_say_its_data_asks_for_it(course, capsys):
    assert main(["reconstruct", "unconditional", "--device", "cpu"]) == 2
    assert "name a set or a folder with --data" in capsys.readouterr().err


def test_rows_of_originals_and_copies_alternate():
    x = torch.arange(10).view(10, 1, 1, 1) / 10.0
    rows = interleaved(x, -x).flatten().tolist()
    first, second, third, fourth = (rows[i : i + 8] for i in range(0, 32, 8))
    assert torch.tensor(first).allclose(torch.arange(8) / 10) and torch.tensor(second).allclose(
        -torch.arange(8) / 10
    )
    assert third[:2] == pytest.approx([0.8, 0.9]) and fourth[:2] == pytest.approx([-0.8, -0.9])
    assert third[2:] == fourth[2:] == [1.0] * 6, "white where there is no image"
