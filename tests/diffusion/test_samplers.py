"""What must hold of every sampler, whatever it is compared with."""

import inspect
from dataclasses import replace

import pytest
import torch

from ldm_tutorial.diffusion import (
    DDIM,
    DDPM,
    PLMS,
    PREDICTIONS,
    SCHEDULES,
    DPMSolverPP2M,
    Euler,
    EulerAncestral,
    Heun,
    NoiseSchedule,
    Sampler,
    State,
    gaussian_denoiser,
    noise_schedule,
    points_denoiser,
    rescale_zero_terminal_snr,
    seeded_generators,
    seeded_noise,
)

SCHEDULE = NoiseSchedule.scaled_linear()
MEAN = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
COVARIANCE = torch.tensor([[1.0, 0.6, 0.0], [0.6, 0.8, -0.2], [0.0, -0.2, 0.1]], dtype=torch.float64)


SOLVERS = (Euler, Heun, PLMS, DPMSolverPP2M)


def samplers(schedule=SCHEDULE, steps=5, **options) -> list[Sampler]:
    return [
        DDIM(schedule, steps, **options),
        DDIM(schedule, steps, eta=0.5, **options),
        DDIM(schedule, steps, eta=1.0, **options),
        DDPM(schedule, steps, **options),
        DDPM(schedule, steps, "upper", **options),
        EulerAncestral(schedule, steps, **options),
        *(solver(schedule, steps, **options) for solver in SOLVERS),
    ]


def name_of(sampler):
    own = [getattr(sampler, name) for name in ("eta", "variance") if hasattr(sampler, name)]
    return "-".join(map(str, [type(sampler).__name__, *own, sampler.spacing]))


def draws_noise(sampler):
    return isinstance(sampler, DDPM | EulerAncestral) or getattr(sampler, "eta", 0) > 0


def fake_denoiser(z_t, t, _condition=None):
    return 0.5 * torch.tanh(z_t) + (t.to(z_t) / 1000).view(-1, *[1] * (z_t.ndim - 1))


def seed(n=0):
    return torch.Generator().manual_seed(n)


def noisy_gaussian(schedule, t, draws):
    """z_t ~ N(aμ, a²Σ + s²I), exactly: not every schedule ends close enough to N(0, I) to start there."""
    alpha_bar = schedule.alphas_cumprod[t]
    covariance = alpha_bar * COVARIANCE + (1 - alpha_bar) * torch.eye(3)
    return alpha_bar.sqrt() * MEAN + draws @ torch.linalg.cholesky(covariance).T


def law_of(sampler, denoise):
    """Mean and covariance of its result, without sampling: what draws no noise is affine for a Gaussian, so
    that what becomes of 0 and of the unit vectors tells them."""
    basis = torch.cat([torch.zeros(1, 3), torch.eye(3)]).double()
    at_zero, *columns = sampler.sample(denoise, noisy_gaussian(sampler.schedule, sampler.timesteps[0], basis))
    linear = torch.stack(columns) - at_zero
    return at_zero, linear.T @ linear


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_ddim_with_many_steps_recovers_a_gaussian(name, prediction):
    schedule = noise_schedule(name)
    denoise = gaussian_denoiser(schedule, MEAN, COVARIANCE, prediction)
    mean, covariance = law_of(DDIM(schedule, 500, spacing="trailing", prediction=prediction), denoise)
    torch.testing.assert_close(mean, MEAN, rtol=0, atol=1e-6)
    torch.testing.assert_close(covariance, COVARIANCE, rtol=0, atol=0.01)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("spacing", ["linspace", "karras"])
def test_solvers_recover_a_gaussian(solver, prediction, spacing):
    schedule = NoiseSchedule.linear()
    denoise = gaussian_denoiser(schedule, MEAN, COVARIANCE, prediction)
    mean, covariance = law_of(solver(schedule, 100, spacing, prediction), denoise)
    torch.testing.assert_close(mean, MEAN, rtol=0, atol=1e-3)
    first_order = solver is Euler
    torch.testing.assert_close(covariance, COVARIANCE, rtol=0, atol=0.06 if first_order else 0.01)


def test_ddim_converges_to_the_gaussian():
    """Its error is of first order: twice the steps, half the error."""
    schedule = NoiseSchedule.linear()
    denoise = gaussian_denoiser(schedule, MEAN, COVARIANCE)
    errors = []
    for steps in (25, 50, 100):
        _, covariance = law_of(DDIM(schedule, steps, spacing="trailing"), denoise)
        errors.append(float((covariance - COVARIANCE).norm()))
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.25)
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.25)


@pytest.mark.parametrize(
    "sampler",
    [
        DDIM(NoiseSchedule.linear(), 200, eta=1.0, spacing="trailing"),
        DDPM(NoiseSchedule.linear(), 200, spacing="trailing"),
        DDPM(NoiseSchedule.linear(), 200, "upper", spacing="trailing"),
        EulerAncestral(NoiseSchedule.linear(), 200, spacing="trailing"),
    ],
    ids=["ddim-eta-1", "ddpm-lower", "ddpm-upper", "euler-ancestral"],
)
def test_stochastic_samplers_recover_a_gaussian(sampler):
    draws = torch.randn(20_000, 3, dtype=torch.float64, generator=seed())
    noise = noisy_gaussian(sampler.schedule, sampler.timesteps[0], draws)
    z = sampler.sample(gaussian_denoiser(sampler.schedule, MEAN, COVARIANCE), noise, generator=seed(1))
    torch.testing.assert_close(z.mean(dim=0), MEAN, rtol=0, atol=0.04)
    torch.testing.assert_close(torch.cov(z.T), COVARIANCE, rtol=0, atol=0.04)


def test_ddim_with_eta_1_is_ddpm_with_the_lower_variance():
    noise = torch.randn(4, 3, 8, 8, dtype=torch.float64, generator=seed())
    for steps in (5, 50):
        ddim = DDIM(SCHEDULE, steps, eta=1.0).sample(fake_denoiser, noise, generator=seed(1))
        ddpm = DDPM(SCHEDULE, steps, "lower").sample(fake_denoiser, noise, generator=seed(1))
        torch.testing.assert_close(ddim, ddpm, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sampler", samplers(), ids=name_of)
def test_states(sampler):
    assert inspect.isgenerator(sampler(fake_denoiser, torch.zeros(1, 2), generator=seed()))
    asked = []

    def denoise(z_t, t, condition):
        assert t.dtype == torch.int64 and t.shape == (4,) and len(set(t.tolist())) == 1
        assert condition == "as it is"
        asked.append(int(t[0]))
        return fake_denoiser(z_t, t)

    noise = torch.randn(4, 3, 2, generator=seed())
    copy = noise.clone()
    states = list(sampler(denoise, noise, "as it is", seed(1)))
    assert all(isinstance(state, State) for state in states)
    assert list(dict.fromkeys(asked)) == sampler.timesteps == [800, 600, 400, 200, 0]
    assert len(asked) == {Heun: 9, PLMS: 6}.get(type(sampler), 5)
    assert [state.t for state in states] == [600, 400, 200, 0, -1], "t is the noise level z has now"
    assert [state.step for state in states] == [1, 2, 3, 4, 5]
    assert torch.equal(states[-1].z, sampler.sample(denoise, noise, "as it is", seed(1)))
    assert torch.equal(noise, copy), "the noise handed in must stay as it was"


@pytest.mark.parametrize("sampler", samplers() + samplers(spacing="trailing"), ids=name_of)
def test_no_noise_is_added_at_the_last_step(sampler):
    noise = torch.randn(4, 3, 8, 8, generator=seed())
    results = []
    for last_noise in (1, 2):
        generator = seed(0)
        for state in sampler(fake_denoiser, noise, generator=generator):
            if state.step == 4:
                generator.manual_seed(last_noise)
        results.append(state)
    assert torch.equal(results[0].z, results[1].z), "the last step must not draw"
    torch.testing.assert_close(state.z, state.x0, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("sampler", samplers(), ids=name_of)
def test_an_image_does_not_depend_on_its_batch(sampler):
    def sample(n, first):
        noise = seeded_noise((n, 3, 8, 8), first)
        return sampler.sample(fake_denoiser, noise, generator=seeded_generators(n, first))

    together = sample(4, 100)
    one_by_one = torch.cat([sample(1, 100 + i) for i in range(4)])
    assert torch.equal(together, one_by_one)


@pytest.mark.parametrize("sampler", samplers(), ids=name_of)
def test_same_seed_same_bits_other_seed_other_image(sampler):
    noise = torch.randn(2, 3, 4, 4, generator=seed())
    first, again, other = (sampler.sample(fake_denoiser, noise, generator=seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert torch.equal(first, other) != draws_noise(sampler)


@pytest.mark.parametrize("sampler", samplers(), ids=name_of)
def test_only_what_draws_noise_needs_a_generator(sampler):
    noise = torch.randn(1, 3, 4, 4, generator=seed())
    if draws_noise(sampler):
        with pytest.raises(ValueError, match="generator is None, but noise is to be drawn"):
            sampler.sample(fake_denoiser, noise)
    else:
        sampler.sample(fake_denoiser, noise)
    replace(sampler, steps=1).sample(fake_denoiser, noise)


@pytest.mark.parametrize("spacing", ["leading", "karras"])
@pytest.mark.parametrize("number", range(len(samplers())))
def test_a_finite_set_of_points_is_found_again(number, spacing):
    """Every sample ends on one of the points, and each point gets the share that lies on its side."""
    points = torch.tensor([[1.0, 0.5], [-1.0, -0.5]], dtype=torch.float64)
    schedule = NoiseSchedule.linear()
    sampler = samplers(schedule, 40, spacing=spacing)[number]
    noise = torch.randn(400, 2, dtype=torch.float64, generator=seed())
    z = sampler.sample(points_denoiser(points, schedule), noise, generator=seed(1))
    distances = torch.cdist(z, points)
    missed = distances.min(dim=1).values
    if isinstance(sampler, PLMS):  # its last step mixes in ε from further away, so it ends near a point
        missed = missed.quantile(0.9) / 30
    assert missed.max() < 1e-3, "some sample is none of the points"
    assert float((distances[:, 0] < 1).double().mean()) == pytest.approx(0.5, abs=0.08)
    if not draws_noise(sampler):
        side = (noise @ points[0] > 0).long()
        assert ((distances[:, 0] < 1).long() == side).all(), "by symmetry no path crosses the middle"


def test_first_order_solvers_are_one_and_ancestral_ones_too():
    """DDIM with eta 0 is Euler's method in σ; DDPM, DDIM with eta 1 and ancestral Euler are one as well."""
    noise = torch.randn(4, 3, 8, 8, dtype=torch.float64, generator=seed())
    for spacing in ("trailing", "karras"):
        ddim = DDIM(SCHEDULE, 20, spacing=spacing).sample(fake_denoiser, noise)
        euler = Euler(SCHEDULE, 20, spacing).sample(fake_denoiser, noise)
        torch.testing.assert_close(euler, ddim, rtol=1e-9, atol=1e-9)
        ddpm = DDPM(SCHEDULE, 20, spacing=spacing).sample(fake_denoiser, noise, generator=seed(1))
        ancestral = EulerAncestral(SCHEDULE, 20, spacing).sample(fake_denoiser, noise, generator=seed(1))
        torch.testing.assert_close(ancestral, ddpm, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("prediction", ["x0", "v"])
def test_sampling_from_pure_noise(prediction):
    """With zero terminal SNR the first z says nothing, and samplers must find the Gaussian all the same."""
    schedule = rescale_zero_terminal_snr(NoiseSchedule.scaled_linear())
    denoise = gaussian_denoiser(schedule, MEAN, COVARIANCE, prediction)
    noise = torch.randn(2000, 3, dtype=torch.float64, generator=seed())
    noise = (noise - noise.mean(0)) @ torch.linalg.inv(torch.linalg.cholesky(torch.cov(noise.T))).T
    options = {"spacing": "trailing", "prediction": prediction}
    for sampler in (
        s(schedule, 50, **options) for s in (DDIM, DDPM, Euler, EulerAncestral, Heun, DPMSolverPP2M)
    ):
        z = sampler.sample(denoise, noise, generator=seed(1))
        torch.testing.assert_close(z.mean(0), MEAN, rtol=0, atol=0.06)
        torch.testing.assert_close(torch.cov(z.T), COVARIANCE, rtol=0, atol=0.12)
        in_float32 = sampler.sample(denoise_float32(schedule, prediction), noise.float(), generator=seed(1))
        torch.testing.assert_close(in_float32.double(), z, rtol=0, atol=1e-3)


def denoise_float32(schedule, prediction):
    return gaussian_denoiser(schedule, MEAN.float(), COVARIANCE.float(), prediction)


def test_pure_noise_is_refused_where_it_leads_nowhere():
    schedule = rescale_zero_terminal_snr(NoiseSchedule.linear())
    with pytest.raises(
        ValueError, match="prediction is 'epsilon', but at t = 999 this schedule leaves no signal"
    ):
        DDIM(schedule, 10, spacing="trailing")
    with pytest.raises(
        ValueError, match="at t = 999 this schedule leaves no signal .*, from where PLMS can't"
    ):
        PLMS(schedule, 10, spacing="trailing", prediction="v")
    with pytest.raises(ValueError, match="spacing 'karras' needs a finite largest σ"):
        DDIM(schedule, 10, spacing="karras", prediction="v")
    DDIM(schedule, 10, spacing="leading")


def test_ddpm_takes_all_timesteps_unless_told_otherwise():
    assert DDPM(SCHEDULE).timesteps == list(range(999, -1, -1))
    assert DDPM(SCHEDULE, 50).timesteps == DDIM(SCHEDULE, 50).timesteps


def test_latents_beyond_one_are_not_clamped_unless_asked():
    def perfect(z_t, _t, _condition):
        return torch.full_like(z_t, 3.0)

    noise = torch.randn(2, 4, 4, 4, generator=seed())
    for sampler in samplers(prediction="x0"):
        torch.testing.assert_close(
            sampler.sample(perfect, noise, generator=seed()), torch.full_like(noise, 3.0)
        )
    for sampler in samplers(prediction="x0", clip=1.0):
        torch.testing.assert_close(sampler.sample(perfect, noise, generator=seed()), torch.ones_like(noise))


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_bfloat16_follows_float32(prediction):
    noise = torch.randn(2, 4, 8, 8, generator=seed())
    for sampler in samplers(prediction=prediction):
        if isinstance(sampler, PLMS) and prediction == "x0":
            continue  # ε = (z - a x0)/s of a fake x0 is in the tens at t = 0, and PLMS extrapolates it
        full = sampler.sample(fake_denoiser, noise, generator=seed(1))
        half = sampler.sample(fake_denoiser, noise.bfloat16(), generator=seed(1))
        assert half.dtype == torch.bfloat16
        error = (half.float() - full).square().mean().sqrt() / full.std()
        assert error < 0.05, f"bfloat16 is {float(error):.3f} of the result's spread away from float32"


def test_one_timestep_is_enough():
    schedule = NoiseSchedule.linear(1)
    z = torch.randn(2, 3, generator=seed())
    for sampler in (*samplers(schedule, 1), *samplers(schedule, 1, spacing="karras"), DDPM(schedule)):
        states = list(sampler(lambda z_t, t, c: torch.zeros_like(z_t), z))  # noqa: ARG005
        assert [state.t for state in states] == [-1]
        torch.testing.assert_close(states[0].z, z / (1 - 1e-4) ** 0.5)


def test_no_gradient_is_recorded_and_the_mode_outside_is_left_alone():
    weight = torch.ones(1, requires_grad=True)
    for state in DDIM(SCHEDULE, 3)(lambda z_t, t, c: weight * z_t, torch.ones(1, 2)):  # noqa: ARG005
        assert not state.z.requires_grad
        assert torch.is_grad_enabled(), "the caller's loop keeps its own gradient mode"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: DDIM(SCHEDULE, 0),
            "steps is 0; it must be a whole number from 1 to the schedule's T = 1000",
        ),
        (lambda: DDPM(SCHEDULE, 1001), "steps is 1001; it must be a whole number from 1 to"),
        (lambda: DDPM(SCHEDULE, 0), "steps is 0; "),
        (lambda: DDIM(SCHEDULE, eta=1.5), r"eta is 1\.5; it must be from 0 \(deterministic\) to 1"),
        (lambda: DDIM(SCHEDULE, eta=-0.1), r"eta is -0\.1; "),
        (lambda: DDIM(SCHEDULE, eta=float("nan")), "eta is nan; "),
        (
            lambda: DDIM(SCHEDULE, spacing="even"),
            "spacing 'even' is unknown; known are leading, trailing, linspace, karras",
        ),
        (lambda: Heun(SCHEDULE, 0, spacing="karras"), "steps is 0; it must be a whole number from 1 to"),
        (lambda: PLMS(SCHEDULE, 1001), "steps is 1001; it must be a whole number from 1 to"),
        (lambda: Euler(SCHEDULE, spacing="polyexponential"), "spacing 'polyexponential' is unknown; known"),
        (lambda: DPMSolverPP2M(SCHEDULE, prediction="flow"), "prediction 'flow' is unknown; known are eps"),
        (
            lambda: Euler(NoiseSchedule.linear(1), 2),
            "steps is 2; it must be a whole number from 1 to .* T = 1",
        ),
        (lambda: DDIM(SCHEDULE, dynamic_threshold=99.5), "dynamic_threshold is 99.5; it must be a quantile"),
        (lambda: DDIM(SCHEDULE, clip=1.0, dynamic_threshold=0.9), "exclude each other; give one"),
        (
            lambda: DDPM(SCHEDULE, prediction="noise"),
            "prediction 'noise' is unknown; known are epsilon, x0, v",
        ),
        (lambda: DDPM(SCHEDULE, clip=0), "clip is 0; it must be positive, or None for latents"),
    ],
)
def test_wrong_settings_fail_when_the_sampler_is_made(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("sampler", samplers(), ids=name_of)
def test_a_denoiser_that_returns_nonsense_is_named_with_the_step(sampler):
    noise = torch.randn(2, 4, 4, 4, generator=seed())

    def wrong_shape(z_t, _t, _condition):
        return torch.cat([z_t, z_t], dim=1)

    with pytest.raises(
        ValueError,
        match=r"the denoiser returned shape \(2, 8, 4, 4\) for \(2, 4, 4, 4\) at step 1 of 5 \(t = 800\)",
    ):
        sampler.sample(wrong_shape, noise, generator=seed())

    for bad in (float("nan"), float("inf")):

        def breaks_at_400(z_t, t, _condition, bad=bad):
            output = z_t.clone()
            if t[0] == 400:
                output[1, 2, 3, 0] = bad
            return output

        with pytest.raises(
            ValueError, match=r"the denoiser returned NaN or infinity at step 3 of 5 \(t = 400\)"
        ):
            sampler.sample(breaks_at_400, noise, generator=seed())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("first", [1, 7, 21, 29, 30])
@pytest.mark.parametrize("options", [{}, {"clip": 1.0}, {"dynamic_threshold": 0.9}])
def test_nonsense_is_found_wherever_it_begins_even_if_the_denoiser_forgets_it(first, bad, options):
    def breaks_once(z_t, t, _condition):
        return torch.full_like(z_t, bad if t[0] == 30 - first else 0.5)

    noise = torch.randn(2, 4, generator=seed())
    for sampler in samplers(NoiseSchedule.linear(30), 30, **options):
        with pytest.raises(ValueError, match=rf"NaN or infinity at step {first} of 30 \(t = {30 - first}\)"):
            sampler.sample(breaks_once, noise, generator=seed())


def test_the_first_answer_is_looked_at_at_once():
    with pytest.raises(ValueError, match="the denoiser returned NaN or infinity at step 1 of 50"):
        next(DDIM(SCHEDULE, 50)(lambda z_t, t, c: z_t * torch.nan, torch.ones(1, 2)))  # noqa: ARG005


def test_dynamic_thresholding_is_for_each_image_and_leaves_ordinary_ones_alone():
    def denoise(z_t, _t, _condition):
        return torch.stack([torch.linspace(-0.9, 0.9, 101), torch.linspace(-4, 4, 101)]).to(z_t)

    for sampler in samplers(prediction="x0", dynamic_threshold=0.9):
        calm, wild = sampler.sample(denoise, torch.randn(2, 101, generator=seed()), generator=seed())
        torch.testing.assert_close(calm, torch.linspace(-0.9, 0.9, 101))
        expected = (torch.linspace(-4, 4, 101) / 3.6).clamp(-1, 1)
        torch.testing.assert_close(wild, expected, rtol=0, atol=0.02)


def test_large_but_finite_outputs_are_no_false_alarm():
    for dtype, large in ((torch.float16, 6e4), (torch.float32, 3e38)):
        noise = torch.ones(1, 4, 8, 8, dtype=dtype)
        z = DDIM(SCHEDULE, 1).sample(lambda z_t, t, c: torch.full_like(z_t, large), noise)  # noqa: ARG005, B023
        assert z.isfinite().all()
