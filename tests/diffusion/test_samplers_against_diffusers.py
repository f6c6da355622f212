"""Whole trajectories beside diffusers' schedulers: same fake denoiser, same noise, every state compared."""

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler

from ldm_tutorial.diffusion import DDIM, DDPM, noise_schedule

SCHEDULES = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2"}
PREDICTIONS = {"epsilon": "epsilon", "x0": "sample", "v": "v_prediction"}
SPACINGS = ("leading", "trailing", "linspace")
T, BETAS = 1000, (0.00085, 0.012)

every_combination = [
    pytest.mark.parametrize("name", SCHEDULES),
    pytest.mark.parametrize("prediction", PREDICTIONS),
    pytest.mark.parametrize("spacing", SPACINGS),
    pytest.mark.parametrize("steps", [10, 50]),
]


def over_every_combination(test):
    for mark in every_combination:
        test = mark(test)
    return test


def fake_denoiser(z_t, t, _condition=None):
    """Neither right nor linear, and different at every timestep; small enough that no trajectory explodes."""
    return 0.5 * torch.tanh(z_t) + 0.1 * torch.cos(t.to(z_t)[:, None, None, None] / 50)


def starting_noise():
    return torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def scheduler(kind, name, prediction, spacing, own_table=False, **options):
    """diffusers' scheduler, with ᾱ in float64 unless own_table.

    It keeps β and ᾱ in float32. That is off by 6e-5 of ᾱ at the noisy end of the cosine schedule and adds up
    to 1e-5 over 1000 steps of the others; test_noise_schedule.py compares the tables, and this file what is
    done with them.
    """
    theirs = kind(
        T,
        *BETAS,
        beta_schedule=SCHEDULES[name],
        prediction_type=PREDICTIONS[prediction],
        timestep_spacing=spacing,
        **{"clip_sample": False, **options},
    )
    if not own_table:
        theirs.alphas_cumprod = noise_schedule(name, T, *BETAS).alphas_cumprod
    return theirs


def assert_same(ours, theirs, what):
    """To 1e-5 of the largest value: trajectories from the noisiest cosine level reach the thousands."""
    assert theirs.isfinite().all(), f"{what}: nothing to compare with"
    scale = max(1.0, float(theirs.abs().max()))
    torch.testing.assert_close(ours / scale, theirs / scale, rtol=0, atol=1e-5, msg=lambda m: f"{what}: {m}")


def step_to_the_next(theirs, t, next_t, *args, **kwargs):
    """diffusers' DDIM step from t to next_t.

    Their stride is always T // steps, which for "linspace" (and for "trailing" where steps doesn't divide T)
    isn't the distance to the timestep that they visit next, so that the denoiser is told a wrong noise level.
    Ours goes where it will be asked. The stride is set through num_inference_steps: the arithmetic is theirs.
    """
    wanted = t - next_t if next_t >= 0 else T
    if t - T // theirs.num_inference_steps != next_t and (
        next_t >= 0 or t >= T // theirs.num_inference_steps
    ):
        theirs.num_inference_steps = next(k for k in range(1, T + 1) if T // k == wanted)
    return theirs.step(args[0], t, *args[1:], **kwargs)


@over_every_combination
@pytest.mark.parametrize("eta", [0.0, 0.5, 1.0])
def test_ddim(name, prediction, spacing, steps, eta):
    sampler = DDIM(noise_schedule(name, T, *BETAS), steps, eta, spacing, prediction)
    theirs = scheduler(DDIMScheduler, name, prediction, spacing, set_alpha_to_one=True)
    theirs.set_timesteps(steps)
    their_z, draws = starting_noise(), torch.Generator().manual_seed(1)

    states = list(sampler(fake_denoiser, starting_noise(), generator=torch.Generator().manual_seed(1)))
    assert len(states) == steps
    for t, state in zip(theirs.timesteps.tolist(), states, strict=True):
        output = fake_denoiser(their_z, torch.full((2,), t))
        noise = torch.randn(their_z.shape, generator=draws)
        result = step_to_the_next(theirs, t, state.t, output, their_z, eta=eta, variance_noise=noise)
        their_z = result.prev_sample
        assert_same(state.x0, result.pred_original_sample, f"x0 after step {state.step}")
        assert_same(state.z, their_z, f"z after step {state.step}")


@over_every_combination
@pytest.mark.parametrize(("variance", "theirs_is"), [("lower", "fixed_small"), ("upper", "fixed_large")])
def test_ddpm(name, prediction, spacing, steps, variance, theirs_is):
    sampler = DDPM(noise_schedule(name, T, *BETAS), steps, variance, spacing, prediction)
    theirs = scheduler(DDPMScheduler, name, prediction, spacing, variance_type=theirs_is)
    theirs.set_timesteps(steps)
    their_z, draws = starting_noise(), torch.Generator().manual_seed(1)

    states = list(sampler(fake_denoiser, starting_noise(), generator=torch.Generator().manual_seed(1)))
    assert len(states) == steps
    for t, state in zip(theirs.timesteps.tolist(), states, strict=True):
        output = fake_denoiser(their_z, torch.full((2,), t))
        if state.t < 0 and t > 0:
            break  # "trailing": diffusers adds noise in a last step that isn't t = 0; see the test below
        result = theirs.step(output, t, their_z, generator=draws)
        their_z = result.prev_sample
        assert_same(state.x0, result.pred_original_sample, f"x0 after step {state.step}")
        assert_same(state.z, their_z, f"z after step {state.step}")


@pytest.mark.parametrize(("name", "prediction"), list(zip(SCHEDULES, PREDICTIONS, strict=True)))
def test_ddpm_over_all_timesteps(name, prediction):
    sampler = DDPM(noise_schedule(name, T, *BETAS), prediction=prediction)
    theirs = scheduler(DDPMScheduler, name, prediction, "leading")
    their_z, draws = starting_noise(), torch.Generator().manual_seed(1)
    states = sampler(fake_denoiser, starting_noise(), generator=torch.Generator().manual_seed(1))
    for t, state in zip(theirs.timesteps, states, strict=True):
        output = fake_denoiser(their_z, torch.full((2,), int(t)))
        their_z = theirs.step(output, t, their_z, generator=draws).prev_sample
        assert_same(state.z, their_z, f"z after step {state.step}")


@pytest.mark.parametrize("name", ["linear", "scaled_linear"])
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_fifty_steps_agree_with_their_own_float32_table_too(name, prediction, spacing):
    ours = DDIM(noise_schedule(name, T, *BETAS), 50, 0.0, spacing, prediction)
    theirs = scheduler(DDIMScheduler, name, prediction, spacing, own_table=True)
    theirs.set_timesteps(50)
    their_z = starting_noise()
    for t, state in zip(theirs.timesteps.tolist(), ours(fake_denoiser, starting_noise()), strict=True):
        output = fake_denoiser(their_z, torch.full((2,), t))
        their_z = step_to_the_next(theirs, t, state.t, output, their_z).prev_sample
        assert_same(state.z, their_z, f"z after step {state.step}")


def test_ddim_over_all_timesteps():
    sampler = DDIM(noise_schedule("linear", T, *BETAS), T, eta=0.5)
    theirs = scheduler(DDIMScheduler, "linear", "epsilon", "leading")
    theirs.set_timesteps(T)
    their_z, draws = starting_noise(), torch.Generator().manual_seed(1)
    states = sampler(fake_denoiser, starting_noise(), generator=torch.Generator().manual_seed(1))
    for t, state in zip(theirs.timesteps.tolist(), states, strict=True):
        output = fake_denoiser(their_z, torch.full((2,), t))
        noise = torch.randn(their_z.shape, generator=draws)
        their_z = theirs.step(output, t, their_z, eta=0.5, variance_noise=noise).prev_sample
        assert_same(state.z, their_z, f"z after step {state.step}")


def test_the_offset_of_stable_diffusion():
    sampler = DDIM(noise_schedule("scaled_linear"), 50, steps_offset=1)
    theirs = scheduler(DDIMScheduler, "scaled_linear", "epsilon", "leading", steps_offset=1)
    theirs.set_timesteps(50)
    their_z = starting_noise()
    for t, state in zip(theirs.timesteps.tolist(), sampler(fake_denoiser, starting_noise()), strict=True):
        their_z = theirs.step(fake_denoiser(their_z, torch.full((2,), t)), t, their_z).prev_sample
        assert_same(state.z, their_z, f"z after step {state.step}")


def test_the_last_step_goes_to_the_clean_image_not_to_the_first_noise_level():
    """diffusers calls ours set_alpha_to_one=True; Stable Diffusion's files say False, which stops at ᾱ_0."""
    final = {}
    for to_one in (True, False):
        options = {"own_table": True, "set_alpha_to_one": to_one}
        theirs = scheduler(DDIMScheduler, "scaled_linear", "epsilon", "leading", **options)
        theirs.set_timesteps(10)
        final[to_one] = starting_noise()
        for t in theirs.timesteps.tolist():
            before = final[to_one]
            final[to_one] = theirs.step(fake_denoiser(before, torch.full((2,), t)), t, before).prev_sample
        if not to_one:
            torch.testing.assert_close(
                final[False], before, msg="stopping at ᾱ_0 leaves the noise of t = 0 in"
            )
    *_, last = DDIM(noise_schedule("scaled_linear"), 10)(fake_denoiser, starting_noise())
    assert_same(last.z, final[True], "the clean result")
    assert (last.z - final[False]).abs().max() > 1e-3
    assert torch.equal(last.z, last.x0)


def test_ddim_of_diffusers_leaves_the_timesteps_it_visits():
    """Why step_to_the_next is needed: from 999 "linspace" visits 888, but diffusers' DDIM steps to 899."""
    theirs = scheduler(DDIMScheduler, "linear", "epsilon", "linspace")
    theirs.set_timesteps(10)
    assert theirs.timesteps[:2].tolist() == [999, 888]
    z, output = starting_noise(), fake_denoiser(starting_noise(), torch.full((2,), 999))
    result = theirs.step(output, 999, z)
    alpha_bar = theirs.alphas_cumprod[899]
    at_899 = alpha_bar.sqrt() * result.pred_original_sample + (1 - alpha_bar).sqrt() * output
    torch.testing.assert_close(result.prev_sample, at_899)


def test_diffusers_adds_noise_in_the_last_step_of_trailing_and_ours_does_not():
    theirs = scheduler(DDPMScheduler, "linear", "x0", "trailing", variance_type="fixed_large")
    theirs.set_timesteps(10)
    z = starting_noise()
    output = fake_denoiser(z, torch.full((2,), 99))
    noisy = theirs.step(output, 99, z, generator=torch.Generator().manual_seed(0)).prev_sample
    assert (noisy - output).std() > 0.1
    schedule = noise_schedule("linear", T, *BETAS)
    sampler = DDPM(schedule, 10, variance="upper", spacing="trailing", prediction="x0")
    *_, last = sampler(fake_denoiser, z, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(last.z, last.x0, msg="the last step must return x0 itself")


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_clipping(prediction):
    """For pixels: x0 is clamped, and DDIM's ε follows it (diffusers: use_clipped_model_output=True)."""
    schedule, options = noise_schedule("linear", T, *BETAS), {"clip_sample": True, "clip_sample_range": 0.5}
    theirs = scheduler(DDIMScheduler, "linear", prediction, "leading", **options)
    theirs.set_timesteps(10)
    their_z = starting_noise()
    sampler = DDIM(schedule, 10, prediction=prediction, clip=0.5)
    for t, state in zip(theirs.timesteps.tolist(), sampler(fake_denoiser, starting_noise()), strict=True):
        output = fake_denoiser(their_z, torch.full((2,), t))
        their_z = theirs.step(output, t, their_z, use_clipped_model_output=True).prev_sample
        assert_same(state.z, their_z, f"DDIM's z after step {state.step}")
        assert state.x0.abs().max() <= 0.5

    theirs = scheduler(DDPMScheduler, "linear", prediction, "leading", **options)
    theirs.set_timesteps(10)
    their_z, draws = starting_noise(), torch.Generator().manual_seed(1)
    sampler = DDPM(schedule, 10, prediction=prediction, clip=0.5)
    states = sampler(fake_denoiser, starting_noise(), generator=torch.Generator().manual_seed(1))
    for t, state in zip(theirs.timesteps.tolist(), states, strict=True):
        output = fake_denoiser(their_z, torch.full((2,), t))
        their_z = theirs.step(output, t, their_z, generator=draws).prev_sample
        assert_same(state.z, their_z, f"DDPM's z after step {state.step}")
