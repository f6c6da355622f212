import math

import pytest
import torch

from ldm_tutorial.diffusion import (
    SCHEDULES,
    NoiseSchedule,
    alpha_at,
    log_snr_at,
    noise_schedule,
    rescale_zero_terminal_snr,
    sigma_at,
    timestep_of,
)


@pytest.mark.parametrize("name", SCHEDULES)
def test_at_whole_timesteps_it_is_the_schedule(name):
    schedule = noise_schedule(name)
    t = torch.arange(1000)
    alpha_bar = schedule.alphas_cumprod
    torch.testing.assert_close(log_snr_at(schedule, t), schedule.snr.log())
    torch.testing.assert_close(alpha_at(schedule, t), alpha_bar.sqrt())
    torch.testing.assert_close(sigma_at(schedule, t), (1 - alpha_bar).sqrt())


@pytest.mark.parametrize("name", SCHEDULES)
def test_between_them_it_falls_and_keeps_the_variance(name):
    schedule = noise_schedule(name)
    t = torch.linspace(0, 999, 5000, dtype=torch.float64)
    log_snr, a, s = (f(schedule, t) for f in (log_snr_at, alpha_at, sigma_at))
    assert (log_snr.diff() < 0).all()
    torch.testing.assert_close(a**2 + s**2, torch.ones_like(a))
    torch.testing.assert_close(2 * (a / s).log(), log_snr)


def test_half_way_is_the_geometric_mean_of_sigma():
    """σ = s/a is interpolated as k-diffusion and diffusers do it, in its logarithm."""
    schedule = NoiseSchedule.linear()
    sigma = ((1 - schedule.alphas_cumprod) / schedule.alphas_cumprod).sqrt()
    half = sigma_at(schedule, 500.5) / alpha_at(schedule, 500.5)
    assert float(half) == pytest.approx(float((sigma[500] * sigma[501]).sqrt()))


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("T", [2, 1000])
def test_the_timestep_of_a_level_is_found_again(name, T):
    schedule = noise_schedule(name, T)
    for t in (0.0, 0.25, (T - 1) / 3, T - 1.5, T - 1.0):
        assert timestep_of(schedule, float(log_snr_at(schedule, t))) == pytest.approx(t, abs=1e-6)
    assert timestep_of(schedule, 1e3) == 0 and timestep_of(schedule, -1e3) == T - 1
    assert timestep_of(NoiseSchedule.linear(1), 0.0) == 0


def test_a_schedule_that_ends_in_pure_noise():
    schedule = rescale_zero_terminal_snr(NoiseSchedule.linear())
    assert float(log_snr_at(schedule, 999)) == -math.inf
    assert float(alpha_at(schedule, 999)) == 0 and float(sigma_at(schedule, 999)) == 1
    assert float(log_snr_at(schedule, 998)) > -20
    assert timestep_of(schedule, -math.inf) == 999


def test_a_t_outside_the_schedule_is_refused():
    for t in (-0.1, 999.5, float("nan")):
        with pytest.raises(ValueError, match="t runs from .* to .*; it must lie within 0 and 999"):
            log_snr_at(NoiseSchedule.linear(), t)
