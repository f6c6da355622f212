import math

import pytest
import torch
from torch.distributions import Normal

from ldm_tutorial.diffusion import (
    DDPM,
    PREDICTIONS,
    NoiseSchedule,
    bound_terms,
    gaussian_denoiser,
    posterior,
    variational_bound,
)

BITS = math.log(2)


def seed(n=0):
    return torch.Generator().manual_seed(n)


def wrong_denoiser(z_t, t, _condition=None):
    """Of ε: neither perfect nor linear."""
    return 0.8 * torch.tanh(z_t) + 0.05 * t.to(z_t)[:, None]


def chain(schedule, x, generator):
    """z_0 .. z_{T-1}, noised step by step, and log q(z_0 .. z_{T-1} | x)."""
    zs, log_q, z = [], 0, x
    for beta in schedule.betas.tolist():
        step = Normal((1 - beta) ** 0.5 * z, beta**0.5)
        z = step.mean + step.stddev * torch.randn(z.shape, dtype=z.dtype, generator=generator)
        log_q = log_q + step.log_prob(z)
        zs.append(z)
    return zs, log_q


def log_p(schedule, zs, x, denoise, log_std, log_decoder):
    """log p(x, z_0 .. z_{T-1}): from N(0, 1) down the learned chain, as a DDPM sampler would go."""
    total = Normal(0.0, 1.0).log_prob(zs[-1])
    alpha_bar = schedule.alphas_cumprod.tolist()
    for number in reversed(range(schedule.T)):
        t = torch.full((len(x),), number)
        output = denoise(zs[number], t, None)
        std = log_std(number, output[:, 1:]).exp()
        x0 = schedule.to_x0(output[:, :1], zs[number], t, "epsilon")
        if number == 0:
            return total + log_decoder(x, x0, std)
        q = posterior(alpha_bar[number], alpha_bar[number - 1])
        total = total + Normal(q.x0 * x0 + q.z_t * zs[number], std).log_prob(zs[number - 1])
    raise AssertionError


def log_gaussian(x, x0, std):
    return Normal(x0, std).log_prob(x)


def log_pixel(x, x0, std):
    low = torch.where(x < -0.999, -torch.inf, x - 1 / 255)
    high = torch.where(x > 0.999, torch.inf, x + 1 / 255)
    return (Normal(x0, std).cdf(high) - Normal(x0, std).cdf(low)).log()


@pytest.mark.parametrize("variance", ["lower", "upper", "learned"])
@pytest.mark.parametrize(("decoder", "log_decoder"), [("gaussian", log_gaussian), ("pixels", log_pixel)])
def test_it_is_the_direct_monte_carlo_estimate_in_one_dimension(variance, decoder, log_decoder):
    """E_q[log q(z|x) - log p(x, z)] by drawing whole chains, beside the sum of terms known in closed form."""
    schedule = NoiseSchedule.linear(6, 0.05, 0.6)
    x = (torch.tensor([[-255.0], [13.0], [151.0], [255.0]], dtype=torch.float64) / 255).repeat(50_000, 1)
    alpha_bar = [1.0, *schedule.alphas_cumprod.tolist()]
    table = [posterior(alpha_bar[n + 1], alpha_bar[n]) for n in range(schedule.T)]
    lower = [table[1].lower, *(q.lower for q in table[1:])]
    upper = [q.upper for q in table]

    def log_std(t, fraction):
        log_lower, log_upper = math.log(lower[t]) / 2, math.log(upper[t]) / 2
        if variance == "learned":
            return log_lower + (fraction + 1) / 2 * (log_upper - log_lower)
        return torch.tensor(log_lower if variance == "lower" or t == 0 else log_upper)

    def denoise(z_t, t, _condition):
        output = wrong_denoiser(z_t, t)
        return torch.cat([output, torch.sin(z_t)], dim=1) if variance == "learned" else output

    zs, log_q = chain(schedule, x, seed())
    direct = (log_q - log_p(schedule, zs, x, denoise, log_std, log_decoder)).view(-1, 4) / BITS
    options = {"variance": variance, "decoder": decoder}
    bound = variational_bound(schedule, denoise, x, seed(1), **options)
    assert bound.prior.shape == (len(x),) and bound.terms.shape == (len(x), 6)
    total = bound.total.view(-1, 4)
    error = 5 * (direct.var(0) / len(direct) + total.var(0) / len(total)).sqrt()
    assert ((total.mean(0) - direct.mean(0)).abs() < error).all(), f"{total.mean(0)} against {direct.mean(0)}"
    assert error.max() < 0.2, "the estimate is too rough to say anything"


def test_it_is_no_less_than_the_negative_log_likelihood_and_near_it_for_a_perfect_denoiser():
    """For Gaussian data the likelihood is known. What is left is mostly the decoder's: β̃ of t = 1, about half
    of what it should be, costs a Gaussian (1 - log 2) / 2 nats, 0.22 bits."""
    mean, variance = torch.tensor([0.3]).double(), torch.tensor([[0.25]]).double()
    x = mean + 0.5 * torch.randn(4000, 1, dtype=torch.float64, generator=seed())
    exact = -Normal(mean, 0.5).log_prob(x).mean() / BITS
    schedule = NoiseSchedule.linear(100, 1e-3, 0.1)
    denoise = gaussian_denoiser(schedule, mean, variance)
    bound = variational_bound(schedule, denoise, x, seed(1), variance="upper", decoder="gaussian")
    assert 0 < bound.total.mean() - exact < 0.3


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_every_prediction_gives_the_same_bound_and_images_are_averaged_over_their_elements(prediction):
    schedule = NoiseSchedule.cosine(8)
    x = (torch.randint(0, 256, (3, 2, 4, 4), generator=seed()) / 127.5 - 1).double()

    def denoise(z_t, t, _condition):
        epsilon = torch.tanh(z_t)
        x0 = schedule.to_x0(epsilon, z_t, t, "epsilon")
        return schedule.target(x0, epsilon, t, prediction)

    bound = variational_bound(schedule, denoise, x, seed(1), prediction=prediction)
    reference = variational_bound(schedule, lambda z, t, c: torch.tanh(z), x, seed(1))  # noqa: ARG005
    torch.testing.assert_close(bound.total, reference.total)
    assert bound.total.shape == (3,)
    assert (bound.terms > 0).all(), "each term is a KL divergence, or the bits of pixels"


def test_a_denoiser_that_knows_the_image_leaves_only_prior_and_pixel():
    schedule = NoiseSchedule.linear()
    x = (torch.randint(0, 256, (2, 3, 4, 4), generator=seed()) / 127.5 - 1).float()
    knows = lambda z, t, c: x  # noqa: E731, ARG005
    bound = variational_bound(NoiseSchedule.linear(50, 1e-3, 0.2), knows, x, seed(1), prediction="x0")
    torch.testing.assert_close(bound.terms[:, 1:], torch.zeros_like(bound.terms[:, 1:]), rtol=0, atol=1e-6)
    assert bound.terms.isfinite().all() and (bound.total < 4).all()
    t = torch.zeros(2, dtype=torch.int64)
    lost = bound_terms(schedule, -x, x, x, t, prediction="x0")
    assert (lost > 100).all() and lost.isfinite().all(), "a lost pixel costs many bits, not infinitely many"


def test_clipping_helps_a_denoiser_that_leaves_the_range_of_pixels():
    schedule = NoiseSchedule.linear(20, 0.01, 0.3)
    x = torch.ones(2, 3, 4, 4)
    wild = lambda z, t, c: 3 * x  # noqa: E731, ARG005
    clipped = variational_bound(schedule, wild, x, seed(), prediction="x0", clip=1.0)
    free = variational_bound(schedule, wild, x, seed(), prediction="x0")
    assert (clipped.total < free.total).all()


def test_one_timestep_and_messages():
    x = torch.zeros(2, 1)
    schedule = NoiseSchedule.linear(1)
    assert variational_bound(schedule, wrong_denoiser, x, seed()).total.isfinite().all()
    with pytest.raises(ValueError, match="decoder 'bits' is unknown; known are pixels, gaussian"):
        variational_bound(schedule, wrong_denoiser, x, seed(), decoder="bits")
    with pytest.raises(ValueError, match="variance 'small' is unknown; known are lower, upper"):
        variational_bound(schedule, wrong_denoiser, x, seed(), variance="small")


def test_the_bound_and_the_sampler_mean_the_same_learned_variance():
    """Draws of one DDPM step have the variance that the bound reckons with."""
    schedule = NoiseSchedule.linear(3, 0.1, 0.5)
    fraction = 0.4

    def denoise(z_t, _t, _condition):
        return torch.cat([torch.zeros_like(z_t), torch.full_like(z_t, fraction)], dim=1)

    state = next(DDPM(schedule, variance="learned")(denoise, torch.zeros(200_000, 1), generator=seed()))
    alpha_bar = schedule.alphas_cumprod.tolist()
    q = posterior(alpha_bar[2], alpha_bar[1])
    expected = q.upper ** ((1 + fraction) / 2) * q.lower ** ((1 - fraction) / 2)
    assert float(state.z.var()) == pytest.approx(expected, rel=0.01)
