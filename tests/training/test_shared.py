"""Checkpoints that share weights with others: whole when loaded, and refused when the others have changed."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import KL, LDM

from ldm_tutorial.first_stage import KLAutoencoder
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.training import load_checkpoint, save_checkpoint
from ldm_tutorial.training.shared import share


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """A folder of bundled checkpoints: a first stage, and beside it a model with another U-Net."""
    monkeypatch.setenv("LDM_DATA", str(tmp_path))
    torch.manual_seed(0)
    first_stage, model = KLAutoencoder(KL), LatentDiffusion(LDM)
    model.first_stage.load_state_dict(first_stage.state_dict())
    save_checkpoint(first_stage, tmp_path / "checkpoints" / "kl")
    save_checkpoint(model, tmp_path / "checkpoints" / "whole", card="# a card\n")
    return tmp_path / "checkpoints"


def test_what_is_left_out_comes_back(checkpoints):
    slim = share(checkpoints / "whole", checkpoints / "slim", {"first_stage": "kl", "unet": "whole:unet"})
    assert not [name for name in load_file(slim / "model.safetensors") if name.startswith(("first_", "unet"))]
    assert (slim / "README.md").read_text() == "# a card\n"
    whole, again = (load_checkpoint(name).state_dict() for name in ("whole", "slim"))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_it_is_found_from_elsewhere(checkpoints, tmp_path):
    slim = share(checkpoints / "whole", tmp_path / "run" / "slim", {"first_stage": "kl"})
    assert load_checkpoint(slim).config == LDM


def test_other_weights_are_not_shared(checkpoints):
    with pytest.raises(ValueError, match="the first_stage of .*whole is not that of whole:unet"):
        share(checkpoints / "whole", checkpoints / "slim", {"first_stage": "whole:unet"})


def test_a_changed_neighbour_is_refused(checkpoints):
    slim = share(checkpoints / "whole", checkpoints / "slim", {"first_stage": "kl"})
    file = checkpoints / "kl" / "model.safetensors"
    save_file({name: value + 1 for name, value in load_file(file).items()}, file)
    with pytest.raises(ValueError, match="shares its first_stage with kl, which is not the one"):
        load_checkpoint(slim)


def test_a_missing_neighbour_is_named(checkpoints):
    slim = share(checkpoints / "whole", checkpoints / "slim", {"first_stage": "kl"})
    (checkpoints / "kl").rename(checkpoints / "gone")
    with pytest.raises(FileNotFoundError, match="no checkpoint at kl"):
        load_checkpoint(slim)


def test_a_damaged_note_is_refused(checkpoints):
    slim = share(checkpoints / "whole", checkpoints / "slim", {"first_stage": "kl"})
    config = json.loads((slim / "config.json").read_text())
    del config["shared"]["first_stage"]["sha256"]
    (slim / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="damaged"):
        load_checkpoint(slim)
