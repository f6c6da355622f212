"""Lesson 06: its solutions are what the package does, and the answers it says are known are right."""

from dataclasses import replace

import pytest
import torch
from tiny import LDM

from ldm_tutorial.classroom.exercises import judge
from ldm_tutorial.classroom.lessons import lesson06
from ldm_tutorial.classroom.lessons.sampler_heun import heun_step
from ldm_tutorial.classroom.lessons.sampler_orders import error, slope, three_hills
from ldm_tutorial.classroom.lessons.sampler_peeps import Sketches, apart
from ldm_tutorial.classroom.lessons.sampler_plane import between, exact_ways, three_strokes, walk
from ldm_tutorial.classroom.lessons.sampler_spacing import trailing_path
from ldm_tutorial.conditioning import CaptionConfig, build_vocabulary
from ldm_tutorial.diffusion import DDIM, DPMSolverPP2M, Euler, Heun, NoiseSchedule, posterior
from ldm_tutorial.latent_diffusion import LatentDiffusion

SCHEDULE = NoiseSchedule.linear()


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture(scope="module")
def strokes():
    return three_strokes()


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_steps_of_the_exercises_are_ddim(strokes, eta):
    sampler, denoise, z = DDIM(SCHEDULE, 7, eta, "trailing"), strokes.denoiser(SCHEDULE), noise(16, 2)
    expected = sampler.sample(denoise, z, generator=torch.Generator().manual_seed(1))
    dice = torch.Generator().manual_seed(1)
    for step in sampler.path:
        now, after = step.a**2, step.next_a**2
        sigma = lesson06.fresh(eta, now, after)
        assert sigma == pytest.approx(eta * posterior(now, after).lower ** 0.5)
        epsilon = denoise(z, torch.full((16,), step.t))
        fresh = torch.randn(z.shape, generator=dice).double() if sigma else torch.zeros_like(z)
        z = lesson06.ddim_step(z, epsilon, now, after, sigma, fresh)
    torch.testing.assert_close(z, expected)


def test_a_step_up_undoes_a_step_down():
    z, epsilon = noise(2, 4, 3)
    down = lesson06.ddim_step(z, epsilon, 0.2, 0.7, 0.0, 0.0)
    torch.testing.assert_close(lesson06.step_up(down, epsilon, 0.7, 0.2), z)


def test_heun_is_the_packages(strokes):
    sampler, denoise = Heun(SCHEDULE, 6, "trailing"), strokes.denoiser(SCHEDULE, "x0")
    states = walk(sampler, strokes.denoiser(SCHEDULE), noise(8, 2))
    for step, z, expected in zip(sampler.path[:-1], states, states[1:], strict=False):
        ts = {step.sigma: (step.t, step.a), step.next_sigma: (step.next_t, step.next_a)}

        def clean(x, sigma, ts=ts):
            t, a = ts[sigma]
            return denoise(a * x, torch.full((len(x),), t))

        got = step.next_a * heun_step(z / step.a, step.sigma, step.next_sigma, clean)
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize(("T", "steps"), [(1000, 5), (1000, 7), (1000, 1), (100, 100)])
def test_the_way_down_is_the_samplers(T, steps):
    sampler = Euler(NoiseSchedule.linear(T), steps, "trailing")
    assert trailing_path(T, steps) == [(step.t, step.next_t) for step in sampler.path]


def test_quantiles_are_those_of_samples():
    hills, generator = three_hills(), torch.Generator().manual_seed(0)
    which = torch.multinomial(hills.weights, 200_000, replacement=True, generator=generator)
    z = hills.means[which] + hills.stds[which] * torch.randn(len(which), generator=generator)
    z = 0.8 * z + 0.6 * torch.randn(len(which), generator=generator)
    shares = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    found = hills.quantiles(shares, 0.8, 0.6)
    torch.testing.assert_close(found[:, 0], z.double().quantile(shares), atol=0.02, rtol=0)
    torch.testing.assert_close(hills.share_below(found[:, 0], 0.8, 0.6), shares)


@pytest.mark.parametrize(("kind", "order"), [(Euler, 0.9), (Heun, 1.8), (DPMSolverPP2M, 1.8)])
def test_the_orders_that_the_gate_asks_for(kind, order):
    steps = [10, 20, 40, 80]
    errors = [error(kind(SCHEDULE, n, spacing="karras"), three_hills()) for n in steps]
    assert slope(steps, errors) >= order, errors
    assert slope([1, 2, 4], [1.0, 0.25, 0.0625]) == pytest.approx(2)


def test_the_last_step_hides_what_heuns_have_gained():
    sampler, hills = Heun(SCHEDULE, 50, spacing="trailing"), three_hills()
    assert 2 * error(sampler, hills) < error(sampler, hills, last_step=True) < 0.01


def test_an_answer_with_the_levels_exchanged_is_complex_and_met_kindly():
    exchanged = judge(lesson06.fresh_exercise, lambda eta, now, after: lesson06.fresh(eta, after, now))
    assert exchanged.mistake == "the two levels exchanged"
    other = judge(lesson06.fresh_exercise, lambda eta, now, after: eta * (now - after) ** 0.5)
    assert "square root of a negative number" in other.text
    step = judge(lesson06.step_exercise, lambda z, _eps, now, after, *_: (now - after) ** 0.5 * z)
    assert "square root of a negative number" in step.text


def test_strokes_have_mean_0_and_a_known_way(strokes):
    data = strokes.draw(20_000, torch.Generator().manual_seed(0))
    assert data.mean(0).abs().max() < 0.05 and (data.std(0) - 1).abs().max() < 0.1
    denoise, start = strokes.denoiser(SCHEDULE), between()
    ways = exact_ways(SCHEDULE, denoise, start)
    assert ways.shape == (335, 6, 2)
    finer = walk(Heun(SCHEDULE, 1000, spacing="trailing"), denoise, start)[-1]
    assert (ways[-1] - finer).abs().max() < 0.01, "three times as many steps lead to the same place"


def test_sketches_are_the_models_samples_and_are_kept():
    torch.manual_seed(0)
    words = CaptionConfig(build_vocabulary(["a person, someone"]), dim=8, heads=2, depth=1)
    model = LatentDiffusion(replace(LDM, conditioner=words)).eval()
    captions = ["a person", "someone"]
    sketches = Sketches(model, captions, seed=3)
    images = model.sample(captions, steps=4, guidance_scale=1.0, seed=3)
    torch.testing.assert_close(sketches.images(DDIM, 4), images)
    assert sketches.latents(DDIM, 4) is sketches.latents(DDIM, 4), "drawn once"
    torch.testing.assert_close(sketches.latents(DDIM, 4, n=1), sketches.latents(DDIM, 4)[:1])
    one, other = (sketches.latents(DDIM, 4, eta=1.0, dice=dice) for dice in (0, 1))
    assert apart(one, other) > 0.01 and apart(one, one) == 0
