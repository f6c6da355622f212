import math

import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr as theirs_rescale

from ldm_tutorial.diffusion import (
    PREDICTIONS,
    SCHEDULES,
    NoiseSchedule,
    noise_schedule,
    rescale_zero_terminal_snr,
)

THEIR_NAMES = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2"}


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("T", [1000, 50])
def test_schedules_are_those_of_diffusers(name, T):
    ours = noise_schedule(name, T, 0.00085, 0.012)
    theirs = DDPMScheduler(T, 0.00085, 0.012, beta_schedule=THEIR_NAMES[name])
    # theirs are float32: 1-β next to β = 0.999 has few digits left
    torch.testing.assert_close(ours.betas.float(), theirs.betas, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(ours.alphas_cumprod.float(), theirs.alphas_cumprod, rtol=1e-4, atol=1e-9)


def test_linear_and_scaled_linear_are_linear_in_what_their_names_say():
    linear, scaled = NoiseSchedule.linear(), NoiseSchedule.scaled_linear()
    assert linear.betas.diff().std() < 1e-15
    assert scaled.betas.sqrt().diff().std() < 1e-15
    assert linear.betas[[0, -1]].tolist() == pytest.approx([1e-4, 0.02])
    assert scaled.betas[[0, -1]].tolist() == pytest.approx([0.00085, 0.012])
    # Stable Diffusion's famous last value
    assert math.sqrt(scaled.alphas_cumprod[-1]) == pytest.approx(0.0682, abs=1e-4)


def test_cosine_is_the_formula_up_to_where_beta_is_capped():
    schedule = NoiseSchedule.cosine(1000)
    u = (torch.arange(1000, dtype=torch.float64) + 1) / 1000
    f = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2 / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
    torch.testing.assert_close(schedule.alphas_cumprod[:-1], f[:-1], rtol=1e-9, atol=0)
    assert schedule.betas[-1] == 0.999 and schedule.alphas_cumprod[-1] > 0


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("T", [1, 2, 1000])
def test_the_signal_to_noise_ratio_falls(name, T):
    schedule = noise_schedule(name, T)
    assert schedule.T == T == len(schedule.snr)
    assert (schedule.snr > 0).all() and (schedule.snr.diff() < 0).all()
    torch.testing.assert_close(schedule.snr, schedule.alphas_cumprod / (1 - schedule.alphas_cumprod))
    assert schedule.betas.dtype == schedule.alphas_cumprod.dtype == torch.float64


@pytest.mark.parametrize("name", SCHEDULES)
def test_add_noise_is_that_of_diffusers(name):
    z, noise = torch.randn(2, 1000, 3, 2, generator=torch.Generator().manual_seed(0))
    t = torch.arange(1000)
    theirs = DDPMScheduler(1000, beta_schedule=THEIR_NAMES[name])
    ours = noise_schedule(name, 1000, 1e-4, 0.02)
    torch.testing.assert_close(ours.add_noise(z, noise, t), theirs.add_noise(z, noise, t), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        ours.target(z, noise, t, "v"), theirs.get_velocity(z, noise, t), rtol=0, atol=1e-5
    )


def test_add_noise_has_the_moments_of_q():
    schedule = NoiseSchedule.cosine(10)
    noise = torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0))
    for t in (0, 5, 9):
        z_t = schedule.add_noise(torch.full_like(noise, 2.0), noise, torch.full((len(noise),), t))
        alpha_bar = float(schedule.alphas_cumprod[t])
        assert float(z_t.mean()) == pytest.approx(2 * alpha_bar**0.5, abs=0.01)
        assert float(z_t.var()) == pytest.approx(1 - alpha_bar, abs=0.01)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_results_keep_the_dtype_of_z(dtype):
    schedule = NoiseSchedule.linear()
    z, noise = torch.randn(2, 3, 4, 2, 2, generator=torch.Generator().manual_seed(0)).to(dtype)
    t = torch.tensor([0, 500, 999])
    for prediction in PREDICTIONS:
        assert schedule.target(z, noise, t, prediction).dtype == dtype
        assert schedule.to_x0(noise, z, t, prediction).dtype == dtype
    exact = schedule.add_noise(z.double(), noise.double(), t)
    tolerance = {torch.float32: 1e-6, torch.float64: 0, torch.bfloat16: 0.03}[dtype]
    torch.testing.assert_close(schedule.add_noise(z, noise, t).double(), exact, rtol=0, atol=tolerance)


def test_a_bad_t_is_refused_in_one_sentence():
    schedule, z = NoiseSchedule.linear(100), torch.zeros(2, 3)
    with pytest.raises(
        ValueError, match=r"t is torch.float32 of shape \(2,\); it must be torch.int64 of shape \(2,\)"
    ):
        schedule.add_noise(z, z, torch.tensor([0.0, 1.0]))
    with pytest.raises(
        ValueError, match=r"t is torch.int64 of shape \(1,\); it must be torch.int64 of shape \(2,\)"
    ):
        schedule.add_noise(z, z, torch.tensor([3]))
    with pytest.raises(ValueError, match="t runs from 0 to 100; timesteps go from 0 to 99"):
        schedule.add_noise(z, z, torch.tensor([0, 100]))
    with pytest.raises(ValueError, match="t runs from -1 to 5; timesteps go from 0 to 99"):
        schedule.add_noise(z, z, torch.tensor([-1, 5]))


def test_unknown_names_list_the_known_ones():
    with pytest.raises(
        ValueError, match="schedule 'sigmoid' is unknown; known are linear, scaled_linear, cosine"
    ):
        noise_schedule("sigmoid")
    z = torch.zeros(1, 2)
    for method in (
        NoiseSchedule.linear().target,
        NoiseSchedule.linear().to_x0,
        NoiseSchedule.linear().to_epsilon,
    ):
        with pytest.raises(ValueError, match="prediction 'eps' is unknown; known are epsilon, x0, v"):
            method(z, z, torch.tensor([0]), "eps")


def test_impossible_betas_are_refused():
    with pytest.raises(ValueError, match=r"betas run from 0 to 0\.5; each must lie strictly between 0 and 1"):
        NoiseSchedule(torch.tensor([0.0, 0.5]))
    with pytest.raises(ValueError, match=r"betas run from 0\.5 to 1; each must lie strictly between 0 and 1"):
        NoiseSchedule(torch.tensor([1.0, 0.5]))
    with pytest.raises(ValueError, match="betas run from 1 to 1"):
        NoiseSchedule(torch.tensor([1.0]))
    with pytest.raises(ValueError, match="betas run from nan to nan"):
        NoiseSchedule(torch.tensor([0.5, float("nan")]))
    with pytest.raises(ValueError, match=r"betas has shape \(2, 2\)"):
        NoiseSchedule(torch.full((2, 2), 0.1))
    with pytest.raises(
        ValueError, match="T is 0; the number of timesteps must be a whole number of at least 1"
    ):
        NoiseSchedule.cosine(0)


def test_its_repr_is_one_line():
    assert repr(NoiseSchedule.linear()) == "NoiseSchedule(T=1000, betas 0.0001 to 0.02)"


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("T", [1000, 50, 2])
def test_zero_terminal_snr_is_that_of_diffusers(name, T):
    schedule = noise_schedule(name, T)
    ours, theirs = rescale_zero_terminal_snr(schedule), theirs_rescale(schedule.betas.clone())
    torch.testing.assert_close(ours.betas, theirs, rtol=1e-9, atol=1e-12)
    assert ours.alphas_cumprod[-1] == 0 and ours.snr[-1] == 0 and ours.log_snr[-1] == -math.inf
    assert float(ours.alphas_cumprod[0]) == pytest.approx(float(schedule.alphas_cumprod[0]))
    assert (ours.alphas_cumprod.diff() < 0).all()
    z, noise = torch.randn(2, 3, 4)
    last = torch.full((3,), T - 1)
    assert torch.equal(ours.add_noise(z, noise, last), noise), "the last step keeps nothing of the image"
    torch.testing.assert_close(ours.target(z, noise, last, "v"), -z)


def test_zero_terminal_snr_needs_two_timesteps():
    with pytest.raises(
        ValueError, match="T is 1; zero terminal SNR needs a schedule of at least 2 timesteps"
    ):
        rescale_zero_terminal_snr(NoiseSchedule.linear(1))
