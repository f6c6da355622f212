"""The GAN that the families of models are compared with."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ldm_tutorial.training import train
from ldm_tutorial.training.start import HeldPixels

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def gan():
    sys.path.insert(0, str(ROOT))
    yield pytest.importorskip("benchmarks.small_gan")
    sys.path.remove(str(ROOT))


@pytest.fixture
def tiny(gan):
    return gan.GANConfig(latent=8, widths=(16, 8, 8, 8), groups=4, r1_share=0.5)


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(0)
    return HeldPixels(torch.randint(256, (12, 3, 64, 64), generator=generator, dtype=torch.uint8))


def trained(gan, config, images, run, steps, resume=False):
    torch.manual_seed(0)
    objective = gan.GANObjective(images, config)
    before = {name: p.detach().clone() for name, p in objective.named_parameters()}
    train(objective, replace(gan.TRAINING, steps=steps, batch_size=4), run, resume, progress=False)
    return objective, before


def test_images_are_in_range_and_belong_to_their_seed(gan, tiny):
    torch.manual_seed(1)
    generator = gan.Generator(tiny)
    images = generator.sample(5, seed=3, batch_size=2)
    assert images.shape == (5, 3, 64, 64) and images.abs().max() <= 1
    assert torch.equal(images, generator.sample(5, seed=3, batch_size=2)), "same seed, same bits"
    assert torch.allclose(images[2], generator.sample(1, seed=5)[0], atol=1e-5), "image i is seed + i's"
    assert not torch.allclose(images[0], images[1], atol=1e-3)


def test_a_step_changes_both_players(gan, tiny, images, tmp_path):
    objective, before = trained(gan, tiny, images, tmp_path, 2)
    for player in ("model.", "discriminator."):
        moved = [
            not torch.equal(p, before[n]) for n, p in objective.named_parameters() if n.startswith(player)
        ]
        assert sum(moved) >= len(moved) - 2, f"{player} should learn in all of its layers"


def test_each_loss_reaches_its_own_player(gan, tiny, images):
    torch.manual_seed(0)
    objective = gan.GANObjective(images, replace(tiny, r1_share=1e-9))
    random = objective.randomness(torch.arange(4), torch.Generator().manual_seed(0))
    _, logs = objective(objective.fetch(torch.arange(4)) | random)
    logs["generator"][0].backward()
    assert all(p.grad is None for p in objective.discriminator.parameters())
    assert any(p.grad is not None for p in objective.model.parameters())


def test_resumed_and_uninterrupted_runs_give_the_same_bits(gan, tiny, images, tmp_path):
    whole, _ = trained(gan, tiny, images, tmp_path / "whole", 5)
    trained(gan, tiny, images, tmp_path / "parts", 2)
    resumed, _ = trained(gan, tiny, images, tmp_path / "parts", 5, resume=True)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), f"{name} differs after resuming"


def test_penalty_is_the_squared_gradient(gan, tiny):
    torch.manual_seed(0)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(12, 1, bias=False))
    penalty = gan.squared_gradient(lambda x: linear(x)[:, 0], torch.randn(3, 3, 2, 2))
    assert torch.allclose(penalty, linear[1].weight.square().sum().expand(3), rtol=1e-5), "|w|² of w·x"

    discriminator, x = gan.Discriminator(tiny).double(), torch.randn(4, 3, 64, 64).double()
    penalty, step = gan.squared_gradient(discriminator, x), 1e-5
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(x).sum(), x)
    with torch.no_grad():
        along = discriminator(x + step * gradient).sum() - discriminator(x - step * gradient).sum()
    slope = along / (2 * step)  # of the sum, along its own gradient
    assert torch.isclose(penalty.sum(), slope, rtol=1e-5), "it should agree with finite differences"
    penalty.mean().backward()
    # what is added to the last verdict does not change any slope
    learns = [p for n, p in discriminator.named_parameters() if n != "verdict.bias"]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in learns)


def test_augmentation_does_what_it_is_asked(gan, tiny):
    generator = torch.Generator().manual_seed(0)
    images = torch.rand((64, 3, 16, 16), generator=generator) * 2 - 1
    random = torch.rand((64, 7), generator=generator)
    nothing = replace(tiny, colour=0.0, shift=0.0, cutout=0.0)
    assert torch.allclose(gan.augment(images, random, nothing), images, atol=1e-6)
    neutral = random.clone()
    neutral[:, :3] = 0.5
    assert torch.allclose(gan.augment(images, neutral, replace(nothing, colour=1.0)), images, atol=1e-6)

    moved = gan.augment(images, random, replace(nothing, shift=1 / 8))
    seen = set()
    for image, result in zip(images, moved, strict=True):
        fits = [
            (dy, dx)
            for dy in range(-2, 3)
            for dx in range(-2, 3)
            if torch.allclose(result[:, 4 - dy : 12 - dy, 4 - dx : 12 - dx], image[:, 4:12, 4:12], atol=1e-6)
        ]
        assert len(fits) == 1, "an image should be shifted as a whole, by at most an eighth"
        seen.update(fits)
    assert len(seen) > 12, "shifts should differ from image to image"

    cut = (gan.augment(images, random, replace(nothing, cutout=0.5)) == 0).all(1).flatten(1).sum(1)
    assert cut.max() <= 8 * 8 and cut.min() >= 4 * 4, "a square of half the side, or what lies inside"
    assert cut.float().mean() > 30

    images.requires_grad_()
    gan.augment(images, random, tiny).sum().backward()
    assert images.grad.abs().sum() > 0, "the generator learns through it"
