import pytest
import torch

from ldm_tutorial.diffusion import (
    DDPM,
    NoiseSchedule,
    noise_schedule,
    posterior,
    posterior_mean,
    posterior_variance,
)


def product_of_gaussians(x0, z_t, alpha_bar_t, alpha_bar_s):
    """q(z_s | z_t, x0) ∝ N(z_s; √ᾱ_s x0, 1-ᾱ_s) N(z_t; √α z_s, 1-α): precisions add and weigh the means."""
    alpha = alpha_bar_t / alpha_bar_s
    precision_x0 = 1 / (1 - alpha_bar_s)
    precision_z = alpha / (1 - alpha)
    variance = 1 / (precision_x0 + precision_z)
    mean = variance * (precision_x0 * alpha_bar_s**0.5 * x0 + precision_z * z_t / alpha**0.5)
    return mean, variance


@pytest.mark.parametrize("name", ["linear", "scaled_linear", "cosine"])
def test_mean_and_lower_variance_are_the_product_of_two_gaussians(name):
    schedule = noise_schedule(name)
    x0, z_t = torch.randn(2, 999, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    t = torch.arange(1, 1000)
    alpha_bar = schedule.alphas_cumprod[:, None]
    mean, variance = product_of_gaussians(x0, z_t, alpha_bar[1:], alpha_bar[:-1])
    torch.testing.assert_close(posterior_mean(schedule, x0, z_t, t), mean, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(posterior_variance(schedule, t, z_t, "lower"), variance, rtol=1e-9, atol=0)
    torch.testing.assert_close(
        posterior_variance(schedule, t, z_t, "upper"), schedule.betas[1:, None], rtol=1e-9, atol=1e-12
    )


def test_a_longer_stride_is_the_product_of_two_gaussians_too():
    alpha_bar = NoiseSchedule.linear().alphas_cumprod
    for t, s in ((999, 0), (700, 650), (21, 1)):
        q = posterior(float(alpha_bar[t]), float(alpha_bar[s]))
        mean, variance = product_of_gaussians(1.3, -0.4, float(alpha_bar[t]), float(alpha_bar[s]))
        assert q.x0 * 1.3 + q.z_t * -0.4 == pytest.approx(mean, rel=1e-10)
        assert q.lower == pytest.approx(variance, rel=1e-10)


def test_the_posterior_is_what_the_forward_process_does():
    """Simulate z_s and z_t from one x0, and regress z_s on z_t: slope and residual variance."""
    schedule = NoiseSchedule.linear(20, 0.01, 0.2)
    generator = torch.Generator().manual_seed(0)
    noise, more_noise = torch.randn(2, 400_000, dtype=torch.float64, generator=generator)
    t = 12
    z_s = schedule.alphas_cumprod[t - 1].sqrt() * 0.7 + (1 - schedule.alphas_cumprod[t - 1]).sqrt() * noise
    z_t = (1 - schedule.betas[t]).sqrt() * z_s + schedule.betas[t].sqrt() * more_noise
    (variance_t, covariance), (_, variance_s) = torch.cov(torch.stack([z_t, z_s])).tolist()
    q = posterior(float(schedule.alphas_cumprod[t]), float(schedule.alphas_cumprod[t - 1]))
    assert q.z_t == pytest.approx(covariance / variance_t, rel=0.01)
    assert q.lower == pytest.approx(variance_s - covariance**2 / variance_t, rel=0.01)


def test_at_the_first_timestep_only_the_image_is_left():
    schedule = NoiseSchedule.cosine()
    x0, z_t = torch.randn(2, 4, 3)
    t = torch.zeros(4, dtype=torch.int64)
    torch.testing.assert_close(posterior_mean(schedule, x0, z_t, t), x0)
    assert (posterior_variance(schedule, t, z_t, "lower") == 0).all()


@pytest.mark.parametrize("name", ["linear", "scaled_linear", "cosine"])
def test_lower_is_below_upper(name):
    schedule = noise_schedule(name)
    t, like = torch.arange(1000), torch.zeros(1000, 1, dtype=torch.float64)
    lower, upper = (posterior_variance(schedule, t, like, bound) for bound in ("lower", "upper"))
    assert (lower < upper).all() and (lower >= 0).all()


@pytest.mark.parametrize(("variance", "data_std"), [("lower", 0.0), ("upper", 1.0)])
def test_each_bound_is_exact_for_the_data_it_is_the_bound_of(variance, data_std):
    """With few steps the variance matters: "lower" is right for a point, "upper" for N(0, 1)."""
    schedule = NoiseSchedule.linear(10, 0.05, 0.5)
    sampler = DDPM(schedule, variance=variance)
    alpha_bar = schedule.alphas_cumprod

    def exact(z_t, t, _):  # the best guess of ε for data N(0, data_std²)
        a2, s2 = alpha_bar[t][:, None], (1 - alpha_bar[t])[:, None]
        return z_t * s2.sqrt() / (a2 * data_std**2 + s2)

    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(100_000, 1, dtype=torch.float64, generator=generator)
    # the exact marginal of the noisiest step, since 10 steps don't end in N(0, 1)
    noise = noise * (float(alpha_bar[-1]) * data_std**2 + 1 - float(alpha_bar[-1])) ** 0.5
    for state in sampler(exact, noise, generator=generator):
        if state.t < 0:
            break
        expected = float(alpha_bar[state.t]) * data_std**2 + 1 - float(alpha_bar[state.t])
        assert float(state.z.var()) == pytest.approx(expected, rel=0.02), f"variance of z at t = {state.t}"


def test_unknown_variance():
    with pytest.raises(ValueError, match="variance 'middle' is unknown; known are lower, upper, learned"):
        DDPM(NoiseSchedule.linear(), variance="middle")
    with pytest.raises(ValueError, match="variance 'beta' is unknown; known are lower, upper"):
        posterior_variance(NoiseSchedule.linear(), torch.tensor([1]), torch.zeros(1, 2), "beta")
