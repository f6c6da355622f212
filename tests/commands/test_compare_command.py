"""`ldm compare`, and the distances of `ldm evaluate`."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ldm_tutorial.cli import main
from ldm_tutorial.data import open_images, to_uint8
from ldm_tutorial.diffusion import DPMSolverPP2M
from ldm_tutorial.metrics import Gaussian, Lite0Features, extract
from ldm_tutorial.training import load_checkpoint

pytest.importorskip("efficientnet_lite_pytorch", reason="the extra 'perceptual' is not installed")


def pictures(folder: Path, n: int, width: int = 64, height: int = 64, seed: int = 0) -> None:
    folder.mkdir()
    for i in range(n):
        noise = np.random.default_rng(seed + i).integers(0, 255, (height, width, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{i}.png")


def distance(samples, reference) -> float:
    network = Lite0Features()
    fitted = [Gaussian.fitted(extract(network, x, progress=False)["pooled"]) for x in (samples, reference)]
    return fitted[0].distance(fitted[1])


def test_two_folders(course, tmp_path, capsys):
    pictures(tmp_path / "a", 7)
    pictures(tmp_path / "b", 8, seed=3)
    assert main(["compare", "a", "b", "--everything", "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    line, told = out.splitlines()
    assert line.startswith("a:all to b:all: FD-lite0 ") and "N = 7 against 8, 64x64 px" in line
    assert told == "record: outputs/compare/a_all-b_all.json"
    assert "7 samples are fewer than the 1280 features" in err and "KD-lite0 has no such bias" in err
    record = json.loads(Path("outputs/compare/a_all-b_all.json").read_text())
    expected = distance(*(open_images(name, "all", size=64) for name in "ab"))
    assert record["values"]["FD-lite0"] == pytest.approx(expected)
    assert set(record["values"]) >= {"sFD-lite0", "IS-lite0", "precision", "recall", "density", "coverage"}
    assert record["n"] == 7 and record["n_reference"] == 8 and record["names"] == ["a:all", "b:all"]


def test_a_checkpoint_and_a_split(course, capsys):
    arguments = ["compare", "peeps-ldm", "peeps:valid", "--n", "6", "--steps", "2", "--seed", "5"]
    assert main([*arguments, "--sampler", "heun", "--device", "cpu", "--out", "r.json"]) == 0
    record = json.loads(Path("r.json").read_text())
    assert record["names"] == ["peeps-ldm", "peeps:valid"]
    sampling = {"sampler": "Heun", "spacing": "trailing", "steps": 2, "eta": 0.0, "guidance_scale": 3.0}
    assert record["sampling"] == sampling | {"seed": 5}
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith("peeps-ldm to peeps:valid: FD-lite0 ") and "2 Heun steps" in line
    assert "seed 5" in line and "N = 6 against 6" in line


def test_sizes_that_differ_are_refused(course, tmp_path, capsys):
    pictures(tmp_path / "small", 6, 32, 32)
    pictures(tmp_path / "large", 6)
    pictures(tmp_path / "wide", 6, 64, 32)
    assert main(["compare", "small", "large", "--device", "cpu"]) == 2
    assert "samples are 32x32 and reference 64x64" in capsys.readouterr().err
    assert main(["compare", "small", "wide", "--device", "cpu"]) == 2
    assert "wide has images of 64x32; --size brings" in capsys.readouterr().err
    Image.new("RGB", (16, 16)).save(tmp_path / "small" / "odd.png")
    assert main(["compare", "small", "large", "--device", "cpu"]) == 2
    assert "small has images of 16x16, 32x32; --size brings" in capsys.readouterr().err


def test_what_is_not_there_and_what_cannot_draw(course, tmp_path, capsys):
    assert main(["compare", "nowhere", "peeps:valid", "--device", "cpu"]) == 2
    assert "no file or folder nowhere" in capsys.readouterr().err
    assert main(["compare", "peeps-kl-f4", "peeps:valid", "--device", "cpu"]) == 2
    assert "peeps-kl-f4 is a checkpoint of KLAutoencoder; ldm compare takes" in capsys.readouterr().err
    pictures(tmp_path / "one", 1)
    assert main(["compare", "one", "peeps:valid", "--n", "6", "--device", "cpu"]) == 2
    assert "samples has N = 1; at least 6 images are needed" in capsys.readouterr().err
    assert main(["compare", "one", "one", "--n", "0"]) == 2
    assert capsys.readouterr().err == "ldm: --n is 0; it must be at least 1\n"


def test_evaluate_measures_distances_to_the_real_images(course, capsys):
    arguments = ["evaluate", "peeps-ldm", "--n", "7", "--steps", "2", "--split", "valid", "--device", "cpu"]
    assert main([*arguments, "--reference-n", "9", "--sampler", "dpm++", "--out", "r.json"]) == 0
    record = json.loads(Path("r.json").read_text())["valid"]["distances"]
    real = open_images("peeps", "valid", limit=9)
    asked = open_images("peeps", "valid", limit=7).values("caption")
    drawn = to_uint8(load_checkpoint("peeps-ldm").sample(asked, steps=2, sampler=DPMSolverPP2M))
    assert record["values"]["FD-lite0"] == pytest.approx(distance(drawn, real), rel=1e-4)
    assert record["n"] == 7 and record["n_reference"] == 9 and record["reference"] == real.fingerprint
    wanted = {"steps": 2, "sampler": "DPMSolverPP2M", "spacing": "trailing", "eta": 0.0, "seed": 0}
    assert record["sampling"] == wanted | {"guidance_scale": 3.0}
    out, err = capsys.readouterr()
    assert "peeps-ldm, valid: FD-lite0 " in out and "2 DPMSolverPP2M steps" in out
    assert "7 samples are fewer than the 1280 features" in err


def test_evaluate_of_a_first_stage_and_without_distances(course, capsys):
    assert main(["evaluate", "peeps-kl-f4", "--n", "6", "--device", "cpu", "--out", "kl.json"]) == 0
    record = json.loads(Path("kl.json").read_text())["valid"]
    assert record["distances"]["sampling"] == {"pictures": "reconstructions"} and "psnr" in record
    capsys.readouterr()
    arguments = ["evaluate", "unconditional", "--data", "peeps", "--split", "valid", "--n", "6"]
    assert main([*arguments, "--device", "cpu", "--features", "none", "--out", "n.json"]) == 0
    assert "distances" not in json.loads(Path("n.json").read_text())["valid"]
    assert "FD" not in capsys.readouterr().out


def test_inception_without_a_network_is_one_sentence(course, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    assert main(["compare", "a", "b", "--features", "inception", "--device", "cpu"]) == 2
    assert "FD-lite0 works offline, or put a copy of the file at" in capsys.readouterr().err
