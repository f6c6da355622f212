"""Lesson 03: its solutions are what the package does, its pictures distorted as they are said to be."""

import json
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from ldm_tutorial.classroom.exercises import judge
from ldm_tutorial.classroom.lessons import adaptive, contest, downsampling, lesson03
from ldm_tutorial.classroom.lessons.distortions import (
    STRONGEST,
    at_error,
    blurred,
    crops,
    enlarged,
    everywhere,
    moved,
    noisy,
    receptive_field,
    shifted,
)
from ldm_tutorial.first_stage import (
    IdentityFirstStage,
    KLAutoencoder,
    KLConfig,
    PatchDiscriminator,
    PlainAutoencoder,
    PlainConfig,
    VQAutoencoder,
    VQConfig,
    adaptive_weight,
    hinge_d_loss,
    hinge_g_loss,
)
from ldm_tutorial.metrics import psnr
from ldm_tutorial.training import find_checkpoint

TINY = {"channels": 8, "channel_mult": (1, 2), "res_blocks": 1, "norm_groups": 4, "mid_attention": False}


def draw(*shape, seed=0):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture
def images():
    return draw(4, 3, 16, 16)


def test_psnr_is_the_packages(images):
    copies = images + 0.1 * draw(*images.shape, seed=1)
    torch.testing.assert_close(lesson03.psnr(copies, images), psnr(copies, images))


def test_hinge_losses_are_the_packages():
    real, fake = 2 * draw(4, 1, 5, 5), 2 * draw(4, 1, 5, 5, seed=1)
    torch.testing.assert_close(lesson03.hinge(real, fake), (hinge_g_loss(fake), hinge_d_loss(real, fake)))


def test_the_adaptive_weight_is_the_packages():
    last = draw(5, 4).requires_grad_()
    copies = draw(6, 5, seed=1) @ last
    losses = (copies - 1).square().mean(), -copies.mean()
    torch.testing.assert_close(adaptive.adaptive(*losses, last), adaptive_weight(*losses, last))


@pytest.mark.parametrize("name", ["the autoencoder learns nothing", "the discriminator stays frozen"])
def test_a_wrong_contest_is_told_in_words(name):
    """What is not a known slip is told by the names of what the check saw, not by their numbers."""
    exercise = contest.separation_exercise
    wrong = next(mistake.answer for mistake in exercise.mistakes if mistake.name == name)
    said = judge(replace(exercise, mistakes=()), wrong).text
    assert "images and copies of shape (8, 4)" in said and "The gradient of the " in said, said


def test_a_whole_ratio_is_not_always_right():
    verdict = judge(lesson03.latent_exercise, lambda s, f, c: ((c, s // f, s // f), 3 * f * f // c))
    assert verdict.mistake == "a ratio rounded down"


def test_the_contest_leaves_each_player_its_own_gradient():
    x, decoder, judge = draw(8, 4), draw(4, 4, seed=1).requires_grad_(), nn.Linear(4, 2)
    ours, theirs = contest.contest(judge, x, x @ decoder)
    theirs.backward()
    assert decoder.grad is None, "the discriminator's loss must not reach the autoencoder"
    kept = [p.grad.clone() for p in judge.parameters()]
    ours.backward()
    assert decoder.grad.abs().max() > 0
    assert all(torch.equal(p.grad, k) for p, k in zip(judge.parameters(), kept, strict=True)), (
        "the autoencoder's loss must not reach the discriminator"
    )


@pytest.mark.parametrize(("name", "size", "f", "channels"), [("kl-f8", 256, 8, 4), ("kl-f16", 256, 16, 16)])
def test_latents_of_the_papers_models(name, size, f, channels):
    shape, ratio = lesson03.latent(size, f, channels)
    assert shape == (channels, size // f, size // f)
    assert ratio == 48, f"{name}: 196,608 numbers become 4,096"


def test_a_shift_moves_pixels_and_repeats_the_edge(images):
    moved = shifted(images, 2, -1)
    assert torch.equal(moved[..., :-1, 2:], images[..., 1:, :-2])
    assert torch.equal(moved[..., :-1, 0], images[..., 1:, 0])
    assert torch.equal(shifted(images, 0), images)


def test_a_blur_keeps_what_is_flat_and_the_mean():
    flat = torch.full((1, 3, 16, 16), 0.3)
    torch.testing.assert_close(blurred(flat, 1.0), flat)
    dot = torch.zeros(1, 3, 33, 33)
    dot[..., 16, 16] = 1
    spread = blurred(dot, 1.0)[0, 0]
    places = torch.arange(33) - 16.0
    assert spread.sum().item() == pytest.approx(1, abs=1e-4)
    assert (spread.sum(0) * places**2).sum().item() == pytest.approx(1, abs=0.02), "a variance of sigma^2"


@pytest.mark.parametrize("distort", STRONGEST)
def test_distortions_are_brought_to_the_same_error_as_they_are_shown(images, distort):
    target = torch.tensor([0.01, 0.02, 0.04, 0.08])
    changed = at_error(images, distort, target)
    torch.testing.assert_close((changed - images).square().mean((1, 2, 3)), target, rtol=0.01, atol=0)
    assert changed.abs().max() <= 1, "values beyond black and white can't be shown"


def test_a_move_by_half_a_pixel_mixes_two_neighbours(images):
    torch.testing.assert_close(moved(images, 1.5), (shifted(images, 1) + shifted(images, 2)) / 2)
    assert torch.equal(moved(images, 1), shifted(images, 1))


def test_noise_is_the_same_for_the_same_seed(images):
    assert torch.equal(noisy(images, 0.1), noisy(images, 0.1))
    assert not torch.equal(noisy(images, 0.1), noisy(images, 0.1, seed=1))


def test_a_picture_everywhere_has_itself_in_the_middle(images):
    places = everywhere(images[0], 1)
    assert places.shape == (9, 3, 16, 16)
    assert torch.equal(places[4], images[0])
    assert torch.equal(places[0], shifted(images[:1], -1, -1)[0])


def test_details_are_cut_where_they_are_asked_for(images):
    assert torch.equal(crops(images, 2, 5, 8), images[:, :, 2:10, 5:13])
    assert enlarged({"a": images, "b": -images}, [(0, 0), (2, 3), (4, 4), (8, 8)], 8, "two rows").png


@pytest.mark.parametrize(("layers", "patch"), [(1, 16), (2, 34), (3, 70)])
def test_patches_of_the_discriminator(layers, patch):
    """Isola et al. 2017, appendix 6.1.2."""
    assert receptive_field(PatchDiscriminator(ndf=4, n_layers=layers)) == patch


def test_sizes_in_numbers_and_bits(images):
    assert downsampling.numbers(IdentityFirstStage(), 16) == 768
    assert downsampling.bits(IdentityFirstStage(), images) == 768 * 8
    vq = VQAutoencoder(VQConfig(**TINY, codes=32))
    assert downsampling.numbers(vq, 16) == 64, "8x8 codes, each counted once"
    assert downsampling.bits(vq, images) == 64 * 5, "a code of 32 has 5 bits"


def test_bits_of_a_gaussian_are_its_kl(images):
    stage = KLAutoencoder(KLConfig(**TINY, latent_channels=3)).eval()
    with torch.no_grad():  # a posterior N(1, 1) everywhere: KL = 1/2 nat a number
        stage.quant_conv.weight.zero_()
        stage.quant_conv.bias.copy_(torch.tensor([1.0, 1, 1, 0, 0, 0]))
    count = downsampling.numbers(stage, 16)
    assert count == 8 * 8 * 3
    assert downsampling.bits(stage, images) == pytest.approx(0.5 * count / math.log(2))


def test_bits_of_an_autoencoder_without_noise_are_unknown(images):
    with pytest.raises(ValueError, match="stage is a PlainAutoencoder"):
        downsampling.bits(PlainAutoencoder(PlainConfig(**TINY)), images)


def test_the_papers_table_is_ordered_as_in_the_paper():
    found = {row["model"]: row for row in downsampling.PAPER}
    assert found["kl-f8"]["PSNR, dB"] == 24.19 and found["vq-f4"]["rFID"] == 0.58
    assert all(row["model"].endswith(f"f{row['f']}") for row in downsampling.PAPER)


BENCHMARK = """\
# How fast it is

| first stage | f |
| --- | --- |
| of another section | 1 |

## Rate and distortion of the first stages

Means.

Threads: 1

| first stage | f | codes used |
| --- | --- | --- |
| peeps-kl-f4 | 4 |  |
| peeps-vq-f4 | 4 | 100% |

## Another

| first stage | f |
| --- | --- |
| of yet another | 2 |
"""


def test_the_benchmarks_table_is_read_as_it_is_written(tmp_path):
    path = tmp_path / "RESULTS.md"
    path.write_text(BENCHMARK)
    assert downsampling.benchmark(["first stage", "codes used"], path) == [
        {"first stage": "peeps-kl-f4", "codes used": ""},
        {"first stage": "peeps-vq-f4", "codes used": "100%"},
    ]
    with pytest.raises(ValueError, match=r"columns has \['SSIM'\].*run make bench"):
        downsampling.benchmark(["f", "SSIM"], path)
    path.write_text("# How fast it is\n")
    with pytest.raises(ValueError, match="run make bench"):
        downsampling.benchmark(["f"], path)


@pytest.mark.parametrize("name", ["log.jsonl", "first-try.jsonl"])
def test_what_the_run_wrote_down_is_stored_beside_its_weights(name):
    """Section 5 draws it: the critic begins within the run, and then there is all that is drawn."""
    lines = (find_checkpoint("peeps-kl-f4-gan") / name).read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [r["step"] for r in records] == list(range(50, 50 * len(records) + 1, 50))
    heard = [r for r in records if "discriminator" in r]
    assert 2 <= len(records) - len(heard) < len(heard), "it starts after the other losses have begun"
    assert heard == records[-len(heard) :]
    drawn = {"psnr", "perceptual", "adaptive_weight", "logits_real", "logits_fake"}
    assert all(drawn <= r.keys() for r in heard)
