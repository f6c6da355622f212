"""`ldm evaluate`: the figures and the record of how they came about."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from ldm_tutorial.cli import main
from ldm_tutorial.commands.measure import loss_by_level
from ldm_tutorial.data import open_images, to_float
from ldm_tutorial.metrics import attribute_accuracy, psnr, ssim
from ldm_tutorial.training import load_checkpoint


def record(path="outputs/evaluate/peeps-ldm.json") -> dict:
    return json.loads(open(path, encoding="utf-8").read())


def test_a_first_stage(course, capsys):
    assert main(["evaluate", "peeps-kl-f4", "--n", "5", "--device", "cpu", "--out", "kl.json"]) == 0
    model, images = load_checkpoint("peeps-kl-f4"), to_float(open_images("peeps", "valid", limit=5).pixels())
    copies = model.decode(model.encode(images)).clamp(-1, 1)
    z = model.encode(images)
    valid = record("kl.json")["valid"]
    assert valid["n"] == 5
    assert valid["psnr"] == pytest.approx(psnr(copies, images).mean().item(), abs=1e-3)
    assert valid["ssim"] == pytest.approx(ssim(copies, images).mean().item(), abs=1e-3)
    assert valid["latent_mean"] == pytest.approx(z.mean((0, 2, 3)).tolist(), abs=1e-4)
    assert valid["latent_std"] == pytest.approx(z.std((0, 2, 3)).tolist(), abs=1e-4)
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith(
        f"peeps-kl-f4, valid: PSNR {valid['psnr']:.2f} dB, SSIM {valid['ssim']:.3f} over 5 images"
    )


def test_a_model_of_captions(course, capsys):
    settings = ["--n", "6", "--steps", "2", "--guidance-scale", "2", "--seed", "3", "--eta", "0.5"]
    assert main(["evaluate", "peeps-ldm", *settings, "--device", "cpu", "--batch-size", "4"]) == 0
    whole = record()
    for split in ("valid", "holdout"):
        measured = whole[split]
        images = open_images("peeps", split, limit=6)
        wishes, attributes, mentions = (images.values(k) for k in ("caption", "attributes", "mentions"))
        model, classifier = load_checkpoint("peeps-ldm"), load_checkpoint("peeps-attributes")
        drawn = model.sample(wishes, steps=2, guidance_scale=2, seed=3, eta=0.5)
        expected = attribute_accuracy(classifier, drawn, attributes, mentions)
        assert measured["accuracy"] == pytest.approx(expected.mean)
        counts = {kind: (k["accuracy"], k["n"]) for kind, k in measured["kinds"].items()}
        assert counts == {k: (right / n, n) for k, (right, n) in expected.kinds.items() if n}
        said = {k: measured[k] for k in ("n", "sampler", "spacing", "steps", "eta", "guidance_scale", "seed")}
        assert said == {
            "n": 6,
            "sampler": "DDIM",
            "spacing": "trailing",
            "steps": 2,
            "eta": 0.5,
            "guidance_scale": 2.0,
            "seed": 3,
        }
        assert measured["classifier"] == "peeps-attributes" and len(measured["classifier_weights"]) == 16
    assert whole["image_size"] == 64 and whole["data"] == "peeps" and len(whole["weights"]) == 16
    out = capsys.readouterr().out
    assert "6 captions, 2 DDIM steps, eta 0.5, guidance 2, seed 3" in out, (
        "no figure without how it was measured"
    )


def test_images_without_captions_give_the_loss_alone(course, tmp_path):
    (tmp_path / "mine" / "valid").mkdir(parents=True)
    for i in range(4):
        noise = np.random.default_rng(i).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "mine" / "valid" / f"{i}.png")
    assert main(["evaluate", "unconditional", "--data", "mine", "--device", "cpu"]) == 0
    assert set(record("outputs/evaluate/unconditional.json")["valid"]) == {"n", "loss", "loss_by_level"}


def test_the_loss_is_the_mean_over_levels(course):
    model, images = load_checkpoint("peeps-ldm"), open_images("peeps", "valid", limit=40)
    measured = loss_by_level(model, images, seed=0)
    assert measured["loss"] == pytest.approx(np.mean(measured["loss_by_level"]), rel=1e-5), "4 images a level"
    again = loss_by_level(model, images, seed=0)
    assert again == measured, "the same seed, the same figure"


def test_the_loss_of_a_model_that_predicts_zero_is_the_power_of_its_target(course):
    model, images = load_checkpoint("unconditional"), open_images("peeps", "valid", limit=60)
    model.denoise = lambda z_t, *_: torch.zeros_like(z_t)
    z = model.first_stage.encode(to_float(images.pixels()))
    measured = loss_by_level(model, images, seed=0)
    a = model.schedule.alphas_cumprod
    # v = sqrt(a) noise - sqrt(1 - a) z: its mean square is a + (1 - a) z^2
    expected = (a + (1 - a) * z.square().mean().item()).mean().item()
    assert measured["loss"] == pytest.approx(expected, rel=0.05)


def test_too_few_is_one_sentence(course, capsys):
    assert main(["evaluate", "peeps-ldm", "--n", "0"]) == 2
    assert capsys.readouterr().err == "ldm: --n is 0; it must be at least 1\n"
    assert main(["evaluate", "peeps-ldm", "--reference-n", "3"]) == 2
    assert capsys.readouterr().err == "ldm: --reference-n is 3; it must be at least 6\n"
    assert main(["evaluate", "peeps-kl-f4", "--n", "5", "--device", "cpu"]) == 0
    warned = "ldm: warning: distances are left out: there are 5 images, and 6 are needed\n"
    assert (
        capsys.readouterr().err == warned
        and "distances" not in record("outputs/evaluate/peeps-kl-f4.json")["valid"]
    )
