import torch

from ldm_tutorial.first_stage import DiagonalGaussian


def gaussian(seed=0, batch=3):
    generator = torch.Generator().manual_seed(seed)
    return DiagonalGaussian(
        torch.randn(batch, 2, 3, 3, generator=generator), torch.randn(batch, 2, 3, 3, generator=generator)
    )


def test_kl_is_the_closed_form_of_torch():
    posterior = gaussian()
    normal = torch.distributions.Normal(posterior.mean, posterior.std)
    standard = torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(normal, standard).sum(dim=(1, 2, 3))
    torch.testing.assert_close(posterior.kl(), expected)


def test_kl_is_the_mean_log_ratio_of_samples():
    posterior, n = gaussian(batch=1), 20_000
    many = DiagonalGaussian(*(m.expand(n, -1, -1, -1) for m in (posterior.mean, posterior.logvar)))
    z = many.sample(torch.Generator().manual_seed(1))
    log_q = torch.distributions.Normal(many.mean, many.std).log_prob(z)
    log_p = torch.distributions.Normal(0.0, 1.0).log_prob(z)
    ratio = (log_q - log_p).sum(dim=(1, 2, 3))
    error = (ratio.mean() - posterior.kl().item()).abs()
    assert error < 3 * ratio.std() / n**0.5, "Monte Carlo should agree within three standard errors"


def test_kl_of_the_prior_is_zero_and_all_else_is_more():
    zero = torch.zeros(2, 1, 2, 2)
    assert DiagonalGaussian(zero, zero).kl().tolist() == [0, 0]
    assert (gaussian(batch=100).kl() > 0).all()


def test_samples_have_the_stated_moments_and_the_seed_decides_them():
    posterior = DiagonalGaussian(torch.full((1, 1, 200, 200), 2.0), torch.full((1, 1, 200, 200), -2.0))
    z = posterior.sample(torch.Generator().manual_seed(0))
    assert abs(z.mean() - 2) < 3 * posterior.std.mean() / 200
    assert abs(z.std() / torch.e**-1 - 1) < 0.02
    assert torch.equal(z, posterior.sample(torch.Generator().manual_seed(0)))
    assert torch.equal(posterior.mode(), posterior.mean)


def test_gradients_pass_through_samples():
    mean, logvar = (torch.zeros(1, 1, 2, 2, requires_grad=True) for _ in range(2))
    DiagonalGaussian(mean, logvar).sample(torch.Generator().manual_seed(0)).sum().backward()
    assert torch.equal(mean.grad, torch.ones_like(mean))
    assert logvar.grad.abs().min() > 0


def test_kl_is_float32_in_half_precision():
    posterior = gaussian()
    half = DiagonalGaussian(posterior.mean.bfloat16(), posterior.logvar.bfloat16())
    assert half.kl().dtype == torch.float32
    torch.testing.assert_close(half.kl(), posterior.kl(), rtol=0.02, atol=0.1)
