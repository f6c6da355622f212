"""Lesson 04: its solutions are what the package does, and its patients have the faults they are said to."""

import pytest
import torch

from ldm_tutorial.classroom.exercises import judge
from ldm_tutorial.classroom.lessons import ddpm_reverse, lesson04
from ldm_tutorial.classroom.lessons.ddpm_clinic import DIAGNOSES, RIGHT, examine, healthy, patients
from ldm_tutorial.classroom.lessons.ddpm_points import PointDenoiser, distance_to, smiling_face
from ldm_tutorial.diffusion import (
    DDPM,
    NoiseSchedule,
    points_denoiser,
    posterior_mean,
    posterior_variance,
    simple_loss,
)

SCHEDULE = NoiseSchedule.linear(100, 1e-3, 0.2)


@pytest.fixture(scope="module")
def face():
    return smiling_face(800, torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def ward(face):
    """The patients, hardly trained; those whose network is handed over have the perfect denoiser instead."""
    return {"healthy": healthy(points_denoiser(face, SCHEDULE), face, SCHEDULE)} | patients(
        points_denoiser(face, SCHEDULE), face, SCHEDULE, fit
    )


def fit(network, data, schedule, average, steps=80):
    optimizer = torch.optim.Adam(network.parameters(), lr=4e-3)
    for _ in range(steps):
        z, t = data[torch.randint(len(data), (128,))], torch.randint(schedule.T, (128,))
        loss = simple_loss(schedule, network, z, torch.randn_like(z), t).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average.update()


def test_alpha_bar_and_noise_are_the_schedules():
    torch.testing.assert_close(lesson04.alpha_bar(SCHEDULE.betas), SCHEDULE.alphas_cumprod)
    z, noise, t = torch.randn(4, 2), torch.randn(4, 2), torch.full((4,), 30)
    share = SCHEDULE.alphas_cumprod[30].item()
    torch.testing.assert_close(lesson04.noisy(z, noise, share), SCHEDULE.add_noise(z, noise, t))


def test_the_perfect_denoiser_is_the_packages(face):
    z_t = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    for number in (3, 40, 99):
        expected = points_denoiser(face, SCHEDULE, "x0")(z_t, torch.full((5,), number))
        got = lesson04.perfect(z_t, face, SCHEDULE.alphas_cumprod[number].item())
        torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("exercise", lesson04.EXERCISES[:5], ids=lambda exercise: exercise.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_answers_of_both_precisions_are_right(exercise, dtype):
    def same(*arguments):
        answer = exercise.solution(*arguments)
        return (answer[0].to(dtype), answer[1]) if isinstance(answer, tuple) else answer.to(dtype)

    verdict = judge(exercise, same)
    assert verdict.status == "right", verdict.text


def test_the_posterior_is_the_packages():
    x0, z_t, bars = torch.randn(3, 2), torch.randn(3, 2), SCHEDULE.alphas_cumprod.tolist()
    for number in (1, 50, 99):
        mean, variance = ddpm_reverse.posterior(x0, z_t, bars[number], bars[number - 1])
        t = torch.full((3,), number)
        torch.testing.assert_close(mean, posterior_mean(SCHEDULE, x0, z_t, t))
        expected = posterior_variance(SCHEDULE, t, z_t)
        torch.testing.assert_close(torch.full_like(expected, variance), expected)


def test_steps_back_are_the_sampler(face):
    denoise, noise = (
        points_denoiser(face, SCHEDULE),
        torch.randn(16, 2, generator=torch.Generator().manual_seed(3)),
    )
    expected = DDPM(SCHEDULE, variance="upper").sample(
        denoise, noise, generator=torch.Generator().manual_seed(4)
    )
    z, generator, bars = noise, torch.Generator().manual_seed(4), SCHEDULE.alphas_cumprod.tolist()
    for t in reversed(range(SCHEDULE.T)):
        fresh = torch.randn(z.shape, generator=generator) if t else torch.zeros_like(z)
        z = ddpm_reverse.reverse_step(z, denoise(z, torch.full((16,), t)), t, bars, fresh)
    torch.testing.assert_close(z, expected, rtol=1e-3, atol=1e-3)


def test_the_face_is_standardised_and_has_eyes(face):
    torch.testing.assert_close(face.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(face.std(0), torch.ones(2))
    radius = face.norm(dim=1)
    assert (radius > 1.2).float().mean() > 0.5 and (radius < 0.2).float().mean() < 0.02, "a ring, and no nose"
    assert distance_to(face, face + 0.001).max() < 0.01


def test_a_network_of_points_learns(face):
    torch.manual_seed(0)
    network, z = PointDenoiser(), face[:400]
    t, noise = torch.arange(400) % 100, torch.randn(400, 2)
    before = simple_loss(SCHEDULE, network, z, noise, t).mean()

    class Nothing:
        def update(self):
            pass

    fit(network, face, SCHEDULE, Nothing())
    assert simple_loss(SCHEDULE, network, z, noise, t).mean() < 0.5 * before


def test_every_patient_has_one_fault_of_the_list(ward):
    assert list(RIGHT) == [name for name in ward if name != "healthy"]
    assert set(RIGHT.values()) == set(DIAGNOSES), "five patients, five faults"


def test_each_fault_shows_in_its_number_and_in_no_other_before_it(ward):
    found = {name: examine(patient) for name, patient in ward.items()}
    column = {name: {patient: row[name] for patient, row in found.items()} for name in found["A"]}
    assert {k for k, v in column["data std"].items() if abs(v - 1) > 0.1} == {"B"}
    assert {k for k, v in column["loss"].items() if float(v) > 0.6} == {"D"}, "the average is still random"
    ends = {k for k, row in found.items() if abs(row["end, trainer"] - row["end, sampler"]) > 0.1}
    assert ends == {"E"}
    assert {k for k, v in column["noise left"].items() if v > 0.05} == {"A"}
    assert {k for k, v in column["known point missed"].items() if v > 0.05} == {"A", "C", "E"}
    assert found["healthy"]["known point missed"] < 1e-4, "a sampler that is right lands on the point"


def test_the_pictures_of_faulty_samplers_differ_from_the_healthy_one(ward, face):
    noise = torch.randn(600, 2, generator=torch.Generator().manual_seed(5))
    drawn = {name: ward[name].draw(noise) for name in ("healthy", *RIGHT)}
    away = {name: distance_to(face, points).mean().item() for name, points in drawn.items()}
    assert all(away[name] > 2 * away["healthy"] for name in RIGHT), away


def test_a_perfect_denoiser_by_hand_passes_where_no_weight_is_lost():
    def shifted(z_t, points, alpha_bar):
        away = (z_t[:, None] - alpha_bar**0.5 * points).square().sum(-1) / (2 * (1 - alpha_bar))
        weights = (away.amin(1, keepdim=True) - away).exp()
        return weights / weights.sum(1, keepdim=True) @ points

    assert judge(lesson04.perfect_exercise, shifted).status == "right", "softmax is not the only right way"


def test_other_wrong_entries_of_the_clinic_are_named_beside_a_slip():
    swapped = RIGHT | {"A": RIGHT["C"].upper(), "C": RIGHT["A"], "D": RIGHT["B"]}
    said = judge(lesson04.clinic_exercise, swapped)
    assert said.mistake == "A and C mixed up" and said.text.endswith("Also not right: D.")
