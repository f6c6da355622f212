"""Whole trajectories beside diffusers' schedulers: same fake denoiser, same noise, every state compared."""

import pytest
import torch
from diffusers import (
    DDIMInverseScheduler,
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    PNDMScheduler,
)
from diffusers.schedulers import scheduling_euler_ancestral_discrete

from ldm_tutorial.diffusion import (
    DDIM,
    DDPM,
    PLMS,
    DPMSolverPP2M,
    Euler,
    EulerAncestral,
    Heun,
    karras_sigmas,
    noise_schedule,
)
from ldm_tutorial.diffusion.spacing import noise_levels

SCHEDULES = {"linear": "linear", "scaled_linear": "scaled_linear", "cosine": "squaredcos_cap_v2"}
PREDICTIONS = {"epsilon": "epsilon", "x0": "sample", "v": "v_prediction"}
SPACINGS = ("leading", "trailing", "linspace")
T, BETAS = 1000, (0.00085, 0.012)

# of numpy 2 about how diffusers turns tensors into arrays
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

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
    options = {"clip_sample": False, **options}
    if options["clip_sample"] is None:  # not known to every scheduler
        del options["clip_sample"]
    theirs = kind(
        T,
        *BETAS,
        beta_schedule=SCHEDULES[name],
        prediction_type=PREDICTIONS[prediction],
        timestep_spacing=spacing,
        **options,
    )
    if not own_table:
        theirs.alphas_cumprod = noise_schedule(name, T, *BETAS).alphas_cumprod
    return theirs


def assert_same(ours, theirs, what):
    """To 1e-5 of the largest value: trajectories from the noisiest cosine level reach the thousands."""
    assert theirs.isfinite().all(), f"{what}: nothing to compare with"
    scale = max(1.0, float(theirs.abs().max()))
    ours, theirs = ours.double(), theirs.double()
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
@pytest.mark.parametrize("eta", [0.0, 0.7])
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


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("kind", [DDPM, DDIM, DPMSolverPP2M])
def test_dynamic_thresholding(kind, prediction):
    schedule = noise_schedule("linear", T, *BETAS)
    options = {"thresholding": True, "dynamic_thresholding_ratio": 0.9, "sample_max_value": 1e9}
    theirs_is, more = {
        DDPM: (DDPMScheduler, {}),
        DDIM: (DDIMScheduler, {}),
        DPMSolverPP2M: (DPMSolverMultistepScheduler, {"clip_sample": None}),
    }[kind]
    theirs = scheduler(theirs_is, "linear", prediction, "trailing", **options, **more)
    theirs.set_timesteps(10)
    their_z, draws = starting_noise(), torch.Generator().manual_seed(1)
    sampler = kind(schedule, 10, spacing="trailing", prediction=prediction, dynamic_threshold=0.9)
    extra = {DDPM: {"generator": draws}, DDIM: {"use_clipped_model_output": True}}.get(kind, {})
    states = sampler(wild_denoiser, starting_noise(), generator=torch.Generator().manual_seed(1))
    for t, state in zip(theirs.timesteps.tolist(), states, strict=True):
        if kind is DDPM and state.t < 0:
            break  # diffusers adds noise in the last step of "trailing", see above
        their_z = theirs.step(wild_denoiser(their_z, torch.full((2,), t)), t, their_z, **extra).prev_sample
        assert_same(state.z, their_z, f"z after step {state.step}")
        assert state.x0.abs().max() <= 1


def wild_denoiser(z_t, t, _condition=None):
    """Predicts images far outside [-1, 1], unlike from one image of the batch to the next."""
    return fake_denoiser(z_t, t) * torch.tensor([1.0, 5.0])[:, None, None, None]


def two_headed_denoiser(z_t, t, _condition=None):
    return torch.cat([fake_denoiser(z_t, t), torch.sin(3 * z_t)], dim=1)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("spacing", SPACINGS)
def test_ddpm_with_a_learned_variance(name, prediction, spacing):
    sampler = DDPM(noise_schedule(name, T, *BETAS), 10, "learned", spacing, prediction)
    theirs = scheduler(DDPMScheduler, name, prediction, spacing, variance_type="learned_range")
    theirs.set_timesteps(10)
    their_z, draws = starting_noise(), torch.Generator().manual_seed(1)
    states = sampler(two_headed_denoiser, starting_noise(), generator=torch.Generator().manual_seed(1))
    for t, state in zip(theirs.timesteps.tolist(), states, strict=True):
        if state.t < 0 and t > 0:
            break  # as in test_ddpm
        output = two_headed_denoiser(their_z, torch.full((2,), t))
        their_z = theirs.step(output, t, their_z, generator=draws).prev_sample
        assert_same(state.z, their_z, f"z after step {state.step}")


# diffusers' solvers in σ hold x = z/a, and for "linspace" they ask at fractions of a timestep wherever
# (T-1)/(steps-1) is one, while a timestep is a whole number here. With 10 and 28 steps both agree.
SIGMA_STEPS = [10, 28]
SIGMA_SPACINGS = (*SPACINGS, "karras")


def sigma_scheduler(kind, name, prediction, spacing, steps):
    """Their solver; "karras" there is an option of "linspace", whose ends it takes.

    The cosine schedule ends at σ = 20,000, where float32, which they keep σ and x in, leaves x0 three digits.
    So their σ are replaced by the same in float64 and their cast to float32 (`double`) by one to float64.
    """
    if spacing == "karras":
        options = {"clip_sample": None, "use_karras_sigmas": True}
        theirs = scheduler(kind, name, prediction, "linspace", **options)
    else:
        theirs = scheduler(kind, name, prediction, spacing, clip_sample=None)
    theirs.set_timesteps(steps)
    theirs.set_begin_index(0)
    levels = noise_levels(noise_schedule(name, T, *BETAS), steps, spacing)
    sigmas = torch.tensor([*(sigma for _, sigma in levels), 0.0], dtype=torch.float64)
    if kind is HeunDiscreteScheduler:
        sigmas = torch.cat([sigmas[:1], sigmas[1:-1].repeat_interleave(2), sigmas[-1:]])
    torch.testing.assert_close(theirs.sigmas, sigmas.float(), rtol=1e-5, atol=0)
    theirs.sigmas = sigmas
    return theirs


@pytest.fixture
def double(monkeypatch):
    """A function to call one of their steps with, as if the float32 in it were float64."""

    def call(step, *args, **kwargs):
        with monkeypatch.context() as patch:
            patch.setattr(torch, "float32", torch.float64)
            return step(*args, **kwargs)

    return call


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("spacing", SIGMA_SPACINGS)
@pytest.mark.parametrize("steps", SIGMA_STEPS)
def test_euler(name, prediction, spacing, steps, double):
    sampler = Euler(noise_schedule(name, T, *BETAS), steps, spacing, prediction)
    theirs = sigma_scheduler(EulerDiscreteScheduler, name, prediction, spacing, steps)
    # told the nearest timestep, where "karras" makes theirs a fraction
    assert [round(t) for t in theirs.timesteps.tolist()] == sampler.timesteps
    their_x = starting_noise().double() / sampler.path[0].a
    for t, step, state in zip(
        theirs.timesteps, sampler.path, sampler(fake_denoiser, starting_noise().double()), strict=True
    ):
        output = fake_denoiser(theirs.scale_model_input(their_x, t), torch.full((2,), step.t))
        result = double(theirs.step, output, t, their_x)
        their_x = result.prev_sample
        assert_same(state.x0, result.pred_original_sample, f"x0 after step {state.step}")
        assert_same(state.z, their_x * step.next_a, f"z after step {state.step}")


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("prediction", ["epsilon", "v"])  # theirs has no "sample" (x0)
@pytest.mark.parametrize("spacing", SPACINGS)  # nor Karras levels
@pytest.mark.parametrize("steps", SIGMA_STEPS)
def test_euler_ancestral(name, prediction, spacing, steps, double, monkeypatch):
    sampler = EulerAncestral(noise_schedule(name, T, *BETAS), steps, spacing, prediction)
    theirs = sigma_scheduler(EulerAncestralDiscreteScheduler, name, prediction, spacing, steps)
    their_x, draws = starting_noise().double() / sampler.path[0].a, torch.Generator().manual_seed(1)
    # ours is drawn in float32 whatever z is
    monkeypatch.setattr(
        scheduling_euler_ancestral_discrete,
        "randn_tensor",
        lambda shape, generator, dtype, **_: torch.randn(shape, generator=generator).to(dtype),
    )
    generator = torch.Generator().manual_seed(1)
    states = sampler(fake_denoiser, starting_noise().double(), generator=generator)
    for t, step, state in zip(theirs.timesteps, sampler.path, states, strict=True):
        output = fake_denoiser(theirs.scale_model_input(their_x, t), torch.full((2,), step.t))
        their_x = double(theirs.step, output, t, their_x, generator=draws).prev_sample
        assert_same(state.z, their_x * step.next_a, f"z after step {state.step}")


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("spacing", SIGMA_SPACINGS)
@pytest.mark.parametrize("steps", SIGMA_STEPS)
def test_heun(name, prediction, spacing, steps, double):
    sampler = Heun(noise_schedule(name, T, *BETAS), steps, spacing, prediction)
    theirs = sigma_scheduler(HeunDiscreteScheduler, name, prediction, spacing, steps)
    asked = [step.t for step in sampler.path for _ in range(2)][1:]
    their_x, seen = starting_noise().double() / sampler.path[0].a, []
    for t, told in zip(theirs.timesteps, asked, strict=True):
        output = fake_denoiser(theirs.scale_model_input(their_x, t), torch.full((2,), told))
        their_x = double(theirs.step, output, t, their_x).prev_sample
        seen.append(their_x)
    # every other of theirs is Euler's half of a step, save the last, which has no other half
    states = sampler(fake_denoiser, starting_noise().double())
    for step, state, x in zip(sampler.path, states, [*seen[1::2], seen[-1]], strict=True):
        assert_same(state.z, x * step.next_a, f"z after step {state.step}")


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("spacing", SIGMA_SPACINGS)
@pytest.mark.parametrize("steps", SIGMA_STEPS)
def test_dpm_solver(name, prediction, spacing, steps):
    """Theirs spaces "leading" and "linspace" as if there were a step more, so it is handed our timesteps.

    And of Karras levels it cuts off the fraction of t where the schedule is the cosine, but rounds elsewhere.
    """
    sampler = DPMSolverPP2M(noise_schedule(name, T, *BETAS), steps, spacing, prediction)
    options = {"clip_sample": None, "use_karras_sigmas": spacing == "karras"}
    theirs_is = "trailing" if spacing == "trailing" else "linspace"
    theirs = scheduler(DPMSolverMultistepScheduler, name, prediction, theirs_is, **options)
    if spacing in ("karras", "trailing"):
        theirs.set_timesteps(steps)
        if name != "cosine":
            assert theirs.timesteps.tolist() == sampler.timesteps
    else:
        theirs.set_timesteps(timesteps=sampler.timesteps)
    theirs.set_begin_index(0)
    their_z = starting_noise()
    for step, state in zip(sampler.path, sampler(fake_denoiser, starting_noise()), strict=True):
        their_z = theirs.step(fake_denoiser(their_z, torch.full((2,), step.t)), step.t, their_z).prev_sample
        assert_same(state.z, their_z, f"z after step {state.step}")


def test_karras_levels():
    schedule = noise_schedule("scaled_linear", T, *BETAS)
    options = {"clip_sample": None, "use_karras_sigmas": True}
    theirs = scheduler(EulerDiscreteScheduler, "scaled_linear", "epsilon", "linspace", **options)
    theirs.set_timesteps(20)
    sigmas = ((1 - schedule.alphas_cumprod) / schedule.alphas_cumprod).sqrt()
    ours = karras_sigmas(float(sigmas[0]), float(sigmas[-1]), 20)
    torch.testing.assert_close(torch.tensor(ours), theirs.sigmas[:-1], rtol=1e-6, atol=0)


# whose strides are all T // k for some k, since theirs steps by that and not to the timestep it visits next
EVEN_STEPS = [("leading", 10), ("leading", 28), ("trailing", 10), ("trailing", 25), ("linspace", 10)]


def as_epsilon(schedule, prediction):
    """The fake denoiser in terms of ε, whatever it says."""
    return lambda z_t, t, _condition=None: schedule.to_epsilon(fake_denoiser(z_t, t), z_t, t, prediction)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize(("spacing", "steps"), EVEN_STEPS)
def test_plms_with_the_warm_up_of_the_original_release(name, prediction, spacing, steps):
    """Their skip_prk_steps is that warm-up: one timestep asked twice.

    Theirs has no "sample", and of v it mixes predictions of several timesteps before it turns the mixture
    into ε as if all were of the last. PLMS is about ε (Liu et al. 2022, eq. 12), so theirs is handed ε.
    """
    schedule = noise_schedule(name, T, *BETAS)
    sampler = PLMS(schedule, steps, spacing, prediction)
    options = {"skip_prk_steps": True, "set_alpha_to_one": True, "clip_sample": None}
    theirs = scheduler(PNDMScheduler, name, "epsilon", spacing, **options)
    theirs.set_timesteps(steps)
    told = theirs.timesteps.tolist()
    assert told == [sampler.timesteps[0], sampler.timesteps[1], *sampler.timesteps[1:]]
    if spacing == "linspace":
        theirs.num_inference_steps = steps - 1
    epsilon, their_z, seen = as_epsilon(schedule, prediction), starting_noise().double(), []
    for t in told:
        their_z = theirs.step(epsilon(their_z, torch.full((2,), t)), t, their_z).prev_sample
        seen.append(their_z)
    states = sampler(fake_denoiser, starting_noise().double())
    for state, expected in zip(states, seen[1:], strict=True):  # seen[0] is where the warm-up asks again
        assert_same(state.z, expected, f"z after step {state.step}")


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize(("spacing", "steps"), EVEN_STEPS[:4])  # theirs has no "linspace"
def test_ddim_inversion_without_refinement(name, spacing, steps):
    sampler = DDIM(noise_schedule(name, T, *BETAS), steps, spacing=spacing)
    theirs = scheduler(DDIMInverseScheduler, name, "epsilon", spacing, set_alpha_to_one=True)
    theirs.set_timesteps(steps)
    their_z = 0.5 * starting_noise()
    states = sampler.inversion(fake_denoiser, 0.5 * starting_noise(), refine=0)
    for t, state in zip(theirs.timesteps.tolist(), states, strict=True):
        assert state.t == t, "the noise level that z has now"
        result = theirs.step(fake_denoiser(their_z, torch.full((2,), t)), t, their_z)
        their_z = result.prev_sample
        assert_same(state.z, their_z, f"z after step {state.step}")
        assert_same(state.x0, result.pred_original_sample, f"x0 after step {state.step}")


@pytest.mark.parametrize("prediction", ["x0", "v"])
def test_inversion_does_not_depend_on_what_is_predicted(prediction):
    """diffusers' does: there an answer given for timestep t is read as one for the level below it, and that
    of an x0 network at the clean image is divided by its noise, zero."""
    schedule = noise_schedule("linear", T, *BETAS)
    noise = 0.5 * starting_noise()
    ours = DDIM(schedule, 20, prediction=prediction).invert(fake_denoiser, noise)
    by_epsilon = DDIM(schedule, 20).invert(as_epsilon(schedule, prediction), noise)
    assert_same(ours, by_epsilon, "the noise found")

    theirs = scheduler(DDIMInverseScheduler, "linear", "x0", "leading", set_alpha_to_one=True)
    theirs.set_timesteps(20)
    assert not theirs.step(fake_denoiser(noise, torch.zeros(2)), 0, noise).prev_sample.isfinite().any()
