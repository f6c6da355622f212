"""The exercises themselves: each solution passes its own check, each named mistake is recognised."""

import importlib
import pkgutil

import pytest
import torch

from ldm_tutorial.classroom import lessons
from ldm_tutorial.classroom.exercises import judge
from ldm_tutorial.classroom.lessons import lesson00, lesson08
from ldm_tutorial.classroom.lessons.short_run import timesteps
from ldm_tutorial.classroom.lessons.training_loss import training_loss
from ldm_tutorial.conditioning import CaptionConditioner, CaptionConfig, build_vocabulary
from ldm_tutorial.data import to_uint8
from ldm_tutorial.diffusion import SPACINGS, NoiseSchedule, guide, spaced_timesteps
from ldm_tutorial.first_stage import KLAutoencoder, KLConfig

NAMES = [name for _, name, _ in pkgutil.iter_modules(lessons.__path__) if name.startswith("lesson")]
EXERCISES = [
    (name, exercise)
    for name in NAMES
    for exercise in importlib.import_module(f"{lessons.__name__}.{name}").EXERCISES
]
MISTAKES = [(name, exercise, mistake) for name, exercise in EXERCISES for mistake in exercise.mistakes]


def label(value):
    return value if isinstance(value, str) else value.name


def answer_of(exercise, function):
    """What a reader would hand in: the function, or the value where a value is asked for."""
    return function if exercise.cases()[0] else function()


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES, ids=label)
def test_a_solution_passes_its_own_check(lesson, exercise):
    verdict = judge(exercise, answer_of(exercise, exercise.solution))
    assert verdict.status == "right", f"{lesson}: {verdict.text}"
    assert exercise.insight and exercise.hints, "every exercise has hints and something worth keeping"


@pytest.mark.parametrize(("lesson", "exercise", "mistake"), MISTAKES, ids=label)
def test_a_named_mistake_is_recognised(lesson, exercise, mistake):
    verdict = judge(exercise, answer_of(exercise, mistake.answer))
    assert verdict.mistake == mistake.name, f"{lesson}: {verdict.text}"
    assert mistake.explanation in verdict.text


@pytest.mark.parametrize("lesson", NAMES)
def test_a_lesson_has_three_to_six_exercises(lesson):
    assert 3 <= sum(name == lesson for name, _ in EXERCISES) <= 6


@pytest.mark.parametrize(("lesson", "exercise"), EXERCISES, ids=label)
def test_a_blank_stub_is_blank(lesson, exercise):
    assert judge(exercise, lambda *_: None).status == "blank", (
        f"{lesson}: the notebook runs with stubs unfilled"
    )


def test_bytes_are_the_packages():
    x = 1.5 * torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert torch.equal(lesson00.to_bytes(x), to_uint8(x))


def test_unknown_words_are_the_conditioners():
    conditioner = CaptionConditioner(
        CaptionConfig(build_vocabulary(["A person, smiling, with a cap."]), dim=8)
    )
    caption = "A Person with a cap; and don't-care glasses,smiling"
    assert lesson00.unknown_words(caption, conditioner.config.vocabulary) == conditioner.unknown_words(
        caption
    )


def test_guidance_is_the_packages():
    torch.manual_seed(0)
    table = {0.0: torch.randn(2, 4, 8, 8), 1.0: torch.randn(2, 4, 8, 8)}

    def denoise(z_t, t, condition):
        parts = condition.chunk(len(condition) // 2)
        return torch.cat([table[part[0, 0].item()] for part in parts])

    z, t = torch.randn(2, 4, 8, 8), torch.tensor([3, 3])
    got = guide(denoise, torch.zeros(1, 1), 3.0)(z, t, torch.ones(2, 1))
    torch.testing.assert_close(got, lesson08.guided(table[0.0], table[1.0], 3.0))


def test_timesteps_are_the_packages_trailing_ones():
    assert "trailing" in SPACINGS
    for T, steps in ((1000, 50), (1000, 7), (1000, 1), (100, 100)):
        assert timesteps(T, steps) == spaced_timesteps(T, steps, "trailing")


def test_standardised_latents_are_the_first_stages():
    torch.manual_seed(0)
    config = KLConfig(channels=8, channel_mult=(1, 2), res_blocks=1, norm_groups=4, mid_attention=False)
    first_stage = KLAutoencoder(config).eval()
    with torch.no_grad():
        first_stage.quant_conv.bias[4:] = -30  # no posterior noise: then encode's scale is that of the means
        x = torch.rand(32, 3, 16, 16) * 2 - 1
        raw = first_stage.encode(x)
        first_stage.measure_scale([x])
        torch.testing.assert_close(lesson08.standardise(raw), first_stage.encode(x), rtol=1e-2, atol=1e-2)


def test_the_training_loss_is_the_schedules():
    schedule = NoiseSchedule.scaled_linear()
    z, noise, t = torch.randn(4, 4, 8, 8), torch.randn(4, 4, 8, 8), torch.tensor([0, 10, 500, 999])

    def perfect(z_t, t):
        a, s = schedule.signal_and_noise(t, z_t)
        return (z_t - a * z) / s

    assert training_loss(perfect, schedule, z, t, noise) < 1e-6, "a perfect denoiser has no loss"
