"""Checkpoints: what comes back is what was saved, and what is damaged is refused by name."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import KL, LDM

from ldm_tutorial.first_stage import KLAutoencoder
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.training import load_checkpoint, save_checkpoint


@pytest.fixture
def folder(tmp_path):
    torch.manual_seed(0)
    model = KLAutoencoder(KL)
    model.measure_scale([torch.rand(4, 3, 16, 16) * 2 - 1])
    return save_checkpoint(model, tmp_path / "kl", card="# a card\n")


def test_round_trip_of_the_whole_system(tmp_path):
    torch.manual_seed(0)
    model = LatentDiffusion(LDM)
    loaded = load_checkpoint(save_checkpoint(model, tmp_path / "ldm"))
    assert loaded.config == LDM and not loaded.training
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value.half().float()), (
            f"{name} should survive in float16"
        )


def test_scale_and_card_travel_with_the_weights(folder):
    loaded = load_checkpoint(folder)
    assert loaded.scale != 1 and (folder / "README.md").read_text() == "# a card\n"
    assert load_file(folder / "model.safetensors")["encoder.conv_in.weight"].dtype == torch.float16


def test_unknown_name_gives_a_near_one(tmp_path, monkeypatch):
    monkeypatch.setenv("LDM_DATA", str(tmp_path))
    save_checkpoint(KLAutoencoder(KL), tmp_path / "checkpoints" / "peeps-kl-f4")
    assert load_checkpoint("peeps-kl-f4").config == KL
    with pytest.raises(FileNotFoundError, match="did you mean peeps-kl-f4"):
        load_checkpoint("peeps-kl-f8")


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x04\x95pickle"])
def test_damaged_weights_are_refused(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        load_checkpoint(folder)


def test_truncated_weights_are_refused(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged"):
        load_checkpoint(folder)


@pytest.mark.parametrize("text", ["{", '{"kind": "os.system"}', '{"kind": "KLConfig", "widht": 3}'])
def test_damaged_config_is_refused(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(ValueError, match="damaged"):
        load_checkpoint(folder)


def test_weights_of_another_shape_are_named(folder):
    weights = load_file(folder / "model.safetensors")
    weights["encoder.conv_in.weight"] = weights["encoder.conv_in.weight"][:4].clone()
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(
        ValueError, match=r"encoder.conv_in.weight should be \(8, 3, 3, 3\) and is \(4, 3, 3, 3\)"
    ):
        load_checkpoint(folder)


def test_missing_weight_is_named(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["latent_std"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ValueError, match="latent_std should be .* and is missing"):
        load_checkpoint(folder)


def test_config_is_plain_json(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["kind"] == "KLConfig" and config["channel_mult"] == [1, 2]
