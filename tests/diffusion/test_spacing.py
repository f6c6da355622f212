import math
from itertools import pairwise

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from ldm_tutorial.diffusion import (
    DDIM,
    SPACINGS,
    NoiseSchedule,
    karras_sigmas,
    log_snr_at,
    spaced_timesteps,
)
from ldm_tutorial.diffusion.spacing import noise_levels


@pytest.mark.parametrize(
    ("spacing", "offset", "expected"),
    [
        ("leading", 0, [800, 600, 400, 200, 0]),
        ("leading", 1, [801, 601, 401, 201, 1]),
        ("trailing", 0, [999, 799, 599, 399, 199]),
        ("linspace", 0, [999, 749, 500, 250, 0]),
    ],
)
def test_the_table_of_the_docstring(spacing, offset, expected):
    assert spaced_timesteps(1000, 5, spacing, offset) == expected


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("T", [1000, 100, 37, 1])
def test_every_number_of_steps_gives_the_table_of_diffusers(spacing, T):
    theirs = DDIMScheduler(num_train_timesteps=T, timestep_spacing=spacing)
    also_theirs = DDPMScheduler(num_train_timesteps=T, timestep_spacing=spacing)
    for steps in range(1, T + 1):
        ours = spaced_timesteps(T, steps, spacing)
        theirs.set_timesteps(steps)
        also_theirs.set_timesteps(steps)
        table = theirs.timesteps.tolist()
        assert also_theirs.timesteps.tolist() == table
        # For some steps (61 of 1000, say) rounding gives their "trailing" one entry too many, t = -1.
        assert table[steps:] in ([], [-1])
        assert ours == table[:steps], f"{steps} of {T} steps, {spacing}"


@pytest.mark.parametrize("spacing", SPACINGS)
def test_timesteps_fall_and_stay_in_range(spacing):
    for steps in range(1, 101):
        ts = spaced_timesteps(100, steps, spacing)
        assert len(set(ts)) == steps and ts == sorted(ts, reverse=True)
        assert ts[0] <= 99 and ts[-1] >= 0
    assert ts == list(range(99, -1, -1)), "as many steps as timesteps must visit all of them"


def test_only_trailing_and_linspace_start_at_the_noisiest_step():
    starts = {spacing: spaced_timesteps(1000, 50, spacing)[0] for spacing in SPACINGS}
    assert starts == {"leading": 980, "trailing": 999, "linspace": 999}


def test_steps_offset_of_stable_diffusion_gives_the_table_of_diffusers():
    theirs = DDIMScheduler(steps_offset=1)
    theirs.set_timesteps(50)
    assert spaced_timesteps(1000, 50, "leading", 1) == theirs.timesteps.tolist()


@pytest.mark.parametrize("steps", [0, -1, 1001, 2.5, True, None])
def test_steps_outside_the_schedule_are_refused(steps):
    with pytest.raises(ValueError, match=r"steps is .*; it must be a whole number from 1 to .* T = 1000"):
        spaced_timesteps(1000, steps)


def test_other_messages():
    with pytest.raises(
        ValueError, match="spacing 'karras' is unknown; known are leading, trailing, linspace"
    ):
        spaced_timesteps(1000, 10, "karras")
    with pytest.raises(
        ValueError, match="steps_offset 1 with 1000 steps starts at t = 1000; timesteps go from 0 to 999"
    ):
        spaced_timesteps(1000, 1000, "leading", 1)
    with pytest.raises(ValueError, match="steps_offset"):
        spaced_timesteps(1000, 10, "leading", -1)


def test_karras_levels_are_even_in_their_seventh_root():
    sigmas = karras_sigmas(0.002, 80.0, 9)
    assert sigmas[0] == pytest.approx(80) and sigmas[-1] == pytest.approx(0.002)
    roots = [sigma ** (1 / 7) for sigma in sigmas]
    steps = [b - a for a, b in pairwise(roots)]
    assert steps == pytest.approx([steps[0]] * 8)
    assert karras_sigmas(0.01, 20.0, 1) == pytest.approx([20.0])
    assert karras_sigmas(1.0, 3.0, 3, rho=1) == pytest.approx([3, 2, 1])


def test_z_has_the_karras_level_and_the_denoiser_is_told_the_nearest_timestep():
    schedule = NoiseSchedule.scaled_linear()
    sampler = DDIM(schedule, 20, spacing="karras")
    assert sampler.timesteps[0] == 999 and sampler.timesteps[-1] == 0
    assert sampler.timesteps == sorted(sampler.timesteps, reverse=True)
    for step in sampler.path:
        assert step.a**2 + step.s**2 == pytest.approx(1)
        log_snr = 2 * math.log(step.a / step.s)
        above = float(log_snr_at(schedule, max(step.t - 0.5, 0))) + 1e-9
        below = float(log_snr_at(schedule, min(step.t + 0.5, 999))) - 1e-9
        assert below <= log_snr <= above, f"{step.t} is not the timestep nearest to this level"
    many = DDIM(schedule, 100, spacing="karras")
    assert len(many.timesteps) == 100 and len(set(many.timesteps)) < 100
    states = list(many(lambda z_t, t, c: z_t, torch.ones(1, 2)))  # noqa: ARG005
    assert all(isinstance(state.t, int) for state in states) and states[-1].t == -1


def test_other_spacings_visit_the_levels_of_their_timesteps():
    schedule = NoiseSchedule.cosine()
    for spacing in SPACINGS:
        levels = noise_levels(schedule, 20, spacing)
        assert [t for t, _ in levels] == spaced_timesteps(1000, 20, spacing)
        for t, sigma in levels:
            assert 1 / (1 + sigma**2) == pytest.approx(float(schedule.alphas_cumprod[t]), rel=1e-9)
