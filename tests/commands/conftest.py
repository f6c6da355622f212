"""A tiny course: the bundled Peeps, and untrained checkpoints a few thousand parameters large."""

import os
from pathlib import Path

import pytest
import torch

from ldm_tutorial.conditioning import AttributeConfig, CaptionConfig, build_vocabulary
from ldm_tutorial.data import open_images
from ldm_tutorial.first_stage import KLAutoencoder, KLConfig
from ldm_tutorial.latent_diffusion import LatentDiffusion, LatentDiffusionConfig
from ldm_tutorial.metrics import AttributeClassifier, AttributeClassifierConfig
from ldm_tutorial.training import save_checkpoint
from ldm_tutorial.unet import UNetConfig

ROOT = Path(__file__).parents[2]
KL = KLConfig(channels=8, channel_mult=(1, 2), res_blocks=1, mid_attention=False, stem=2, norm_groups=4)
UNET = UNetConfig(
    channels=8,
    channel_mult=(1, 2),
    res_blocks=1,
    attention=(2,),
    head_channels=8,
    context_dim=8,
    norm_groups=4,
)
NAMES = ("Smiling", "Eyeglasses", "Male", "Blond_Hair")


@pytest.fixture(scope="session")
def tiny_course(tmp_path_factory) -> Path:
    """A data folder in place of the bundled one."""
    folder = tmp_path_factory.mktemp("data")
    os.symlink(ROOT / "data" / "peeps", folder / "peeps", target_is_directory=True)
    valid = open_images(str(folder / "peeps"), "valid")
    captions = CaptionConfig(build_vocabulary(valid.values("caption")), dim=8, depth=1, heads=2)
    attributes = valid.values("attributes")
    kinds = tuple((kind, tuple(sorted({each[kind] for each in attributes}))) for kind in attributes[0])
    models = {
        "peeps-kl-f4": KLAutoencoder(KL),
        "celeba64-kl-f4": KLAutoencoder(KL),
        "peeps-ldm": diffusion(captions),
        "celeba64-ldm": diffusion(AttributeConfig(NAMES, dim=8)),
        "unconditional": diffusion(None),
        "peeps-attributes": AttributeClassifier(
            AttributeClassifierConfig(kinds, channels=(4, 4, 4), hidden=8)
        ),
    }
    for name, model in models.items():
        save_checkpoint(model, folder / "checkpoints" / name, f"# {name}\n")
    return folder


def diffusion(conditioner) -> LatentDiffusion:
    torch.manual_seed(0)
    unet = UNET if conditioner else UNetConfig(**(vars(UNET) | {"context_dim": None}))
    model = LatentDiffusion(LatentDiffusionConfig(64, KL, unet, conditioner, prediction="v"))
    for parameter in model.parameters():  # new networks end in zeros, and zeros hide what a condition does
        torch.nn.init.normal_(parameter, std=0.1) if parameter.ndim > 1 else None
    return model


@pytest.fixture
def course(tiny_course, tmp_path, monkeypatch) -> Path:
    """The tiny course, with an empty folder to work in."""
    monkeypatch.setenv("LDM_DATA", str(tiny_course))
    monkeypatch.setenv("LDM_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tiny_course
