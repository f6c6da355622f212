"""What lesson 08's own files compute: the loss behind its seed, slips in several spellings, the patients."""

import math

import pytest
import torch

from ldm_tutorial.classroom.exercises import judge
from ldm_tutorial.classroom.lessons import lesson08
from ldm_tutorial.classroom.lessons.clinic import DIAGNOSES, diagnoses
from ldm_tutorial.classroom.lessons.training_loss import training_loss_exercise


def test_fresh_noise_is_recognised_however_it_is_drawn():
    def fresh(denoise, schedule, z, t, noise):
        return (denoise(schedule.add_noise(z, torch.randn(z.shape), t), t) - noise).square().mean()

    for seed in (1, 2):
        torch.manual_seed(seed)
        assert judge(training_loss_exercise, fresh).mistake == "fresh noise in the latent"


def test_checking_the_loss_leaves_the_random_numbers_of_the_notebook_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    assert judge(training_loss_exercise, training_loss_exercise.solution).status == "right"
    assert torch.equal(torch.rand(4), expected), "a check must not draw from the global generator"


def test_a_wrong_loss_is_described_in_plain_words():
    verdict = judge(training_loss_exercise, lambda *given: given[-1].sum() + 17)
    assert verdict.text.startswith("The training loss: not yet with z and noise of shape (4, 4, 8, 8).")


def test_forgetting_keepdim_is_explained():
    """Whatever the width, the axes would not line up; the cases have one at which the code does not stop."""
    verdict = judge(
        lesson08.standardise_exercise, lambda z: (z - z.mean(dim=(0, 2, 3))) / z.std(dim=(0, 2, 3))
    )
    assert verdict.mistake == "forgetting keepdim"


@pytest.mark.parametrize(
    ("answer", "slip"),
    [
        (lambda T, n: [(n - 1 - k) * T // n for k in range(n)], "starting below the noisiest step"),
        (lambda T, n: [math.floor(T - 1 - k * T / n) for k in range(n)], "cutting off with int"),
        (lambda T, n: list(range(T - 1, -1, -math.ceil(T / n))), "one stride for all, too long"),
        (lambda T, n: [T - 1 - T // n * k for k in range(n)], "one stride for all, too short"),
        (lambda T, n: [round((T - 1) * (1 - k / (n - 1))) for k in range(n)], "both ends"),
    ],
)
def test_other_spellings_of_a_slip_in_the_timesteps(answer, slip):
    assert judge(lesson08.timesteps_exercise, answer).mistake == slip


def test_a_wrong_diagnosis_is_named_in_a_sentence():
    verdict = judge(lesson08.clinic_exercise, diagnoses() | {"A": "autoencoder"})
    assert "well-known slip: looking for A's fault in the autoencoder." in verdict.text
    assert set(diagnoses().values()) < set(DIAGNOSES)
