import pytest
import torch

from ldm_tutorial.diffusion import (
    PREDICTIONS,
    NoiseSchedule,
    gaussian_denoiser,
    mixture_denoiser,
    points_denoiser,
    rescale_zero_terminal_snr,
)

MEAN = torch.tensor([1.0, -1.0], dtype=torch.float64)
COVARIANCE = torch.tensor([[2.0, 0.9], [0.9, 0.5]], dtype=torch.float64)


@pytest.mark.parametrize("t", [0, 300, 999])
def test_it_is_the_regression_of_x0_on_z_t(t):
    """The optimal denoiser is linear here, so least squares on samples must find it."""
    schedule = NoiseSchedule.linear()
    generator = torch.Generator().manual_seed(0)
    samples, noise = torch.randn(2, 200_000, 2, dtype=torch.float64, generator=generator)
    x0 = MEAN + samples @ torch.linalg.cholesky(COVARIANCE).T
    ts = torch.full((len(x0),), t)
    z_t = schedule.add_noise(x0, noise, ts)
    design = torch.cat([z_t, torch.ones(len(z_t), 1, dtype=torch.float64)], dim=1)
    fitted = design @ torch.linalg.lstsq(design, x0).solution
    exact = schedule.to_x0(gaussian_denoiser(schedule, MEAN, COVARIANCE)(z_t, ts), z_t, ts, "epsilon")
    assert (fitted - exact).square().mean().sqrt() < 0.02


def test_all_predictions_say_the_same_and_each_image_has_its_own_t():
    schedule = NoiseSchedule.cosine()
    z_t = torch.randn(3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0, 500, 999])
    x0 = {
        p: schedule.to_x0(gaussian_denoiser(schedule, MEAN, COVARIANCE, p)(z_t, t), z_t, t, p)
        for p in PREDICTIONS
    }
    torch.testing.assert_close(x0["epsilon"], x0["x0"])
    torch.testing.assert_close(x0["v"], x0["x0"])
    alone = gaussian_denoiser(schedule, MEAN, COVARIANCE)(z_t[1:2], t[1:2])
    torch.testing.assert_close(gaussian_denoiser(schedule, MEAN, COVARIANCE)(z_t, t)[1:2], alone)


def test_a_single_point_is_found_from_any_noise():
    schedule = NoiseSchedule.linear()
    z_t, t = torch.randn(2, 2, dtype=torch.float64), torch.tensor([10, 900])
    output = gaussian_denoiser(schedule, MEAN, torch.zeros(2, 2, dtype=torch.float64), "x0")(z_t, t)
    torch.testing.assert_close(output, MEAN.expand(2, 2))


def seed(n=0):
    return torch.Generator().manual_seed(n)


@pytest.mark.parametrize("t", [50, 300, 700])
def test_points_are_weighted_by_how_likely_they_became_z_t(t):
    """Bayes by simulation: of the draws that fell near z_t, the mean of where they came from."""
    schedule = NoiseSchedule.linear()
    points = torch.tensor([[-1.0], [0.2], [0.9]], dtype=torch.float64)
    origin = torch.randint(3, (1_000_000,), generator=seed())
    noise = torch.randn(len(origin), 1, dtype=torch.float64, generator=seed(1))
    z_t = schedule.add_noise(points[origin], noise, torch.full((len(origin),), t))
    denoise = points_denoiser(points, schedule, "x0")
    for place in (-0.5, 0.1, 0.6):
        near = (z_t[:, 0] - place).abs() < 0.01
        expected = float(points[origin[near]].mean())
        answer = denoise(torch.tensor([[place]], dtype=torch.float64), torch.tensor([t]))
        assert float(answer) == pytest.approx(expected, abs=4 / float(near.sum()) ** 0.5 + 0.01)


@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_points_are_a_mixture_of_gaussians_without_width(prediction):
    schedule = NoiseSchedule.cosine()
    points = torch.randn(7, 3, 4, 4, dtype=torch.float64, generator=seed())
    z_t = torch.randn(5, 3, 4, 4, dtype=torch.float64, generator=seed(1))
    t = torch.tensor([0, 100, 500, 900, 999])
    mixture = mixture_denoiser(points, torch.zeros(7).double(), None, schedule, prediction)
    torch.testing.assert_close(points_denoiser(points, schedule, prediction)(z_t, t), mixture(z_t, t))


@pytest.mark.parametrize("t", [0, 400, 999])
def test_a_mixture_is_the_regression_of_x0_on_z_t(t):
    """No function of z_t comes nearer to x0: its error is uncorrelated with whatever z_t says."""
    schedule = NoiseSchedule.linear()
    means = torch.tensor([[1.0, 0.0], [-1.0, 0.5]], dtype=torch.float64)
    covariances = torch.stack([COVARIANCE / 4, torch.diag(torch.tensor([0.02, 0.3]).double())])
    weights = torch.tensor([3.0, 1.0], dtype=torch.float64)
    kind = (torch.rand(400_000, generator=seed()) < 0.25).long()
    draws, noise = torch.randn(2, len(kind), 2, dtype=torch.float64, generator=seed(1))
    roots = torch.linalg.cholesky(covariances)
    x0 = means[kind] + torch.einsum("nij,nj->ni", roots[kind], draws)
    ts = torch.full((len(kind),), t)
    z_t = schedule.add_noise(x0, noise, ts)
    mistake = mixture_denoiser(means, covariances, weights, schedule, "x0")(z_t, ts) - x0
    for feature in (torch.ones_like(z_t), z_t, z_t**2, torch.sin(3 * z_t), z_t[:, :1] * z_t[:, 1:]):
        correlation = (mistake[:, :, None] * feature[:, None]).mean(0)
        assert correlation.abs().max() < 0.01, "the mistake could be predicted from z_t"


def test_the_forms_of_a_covariance_agree():
    schedule = NoiseSchedule.linear()
    means = torch.randn(3, 4, dtype=torch.float64, generator=seed())
    z_t, t = torch.randn(6, 4, dtype=torch.float64, generator=seed(1)), torch.arange(6) * 190
    variances = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    weights = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    forms = (variances, variances[:, None].expand(3, 4), variances[:, None, None] * torch.eye(4).double())
    one, *others = (mixture_denoiser(means, form, weights, schedule)(z_t, t) for form in forms)
    for other in others:
        torch.testing.assert_close(other, one)
    scaled = mixture_denoiser(means, variances, 10 * weights, schedule)(z_t, t)
    torch.testing.assert_close(scaled, one, msg="weights are shares, whatever they sum to")
    as_images = mixture_denoiser(means.view(3, 1, 2, 2), variances, weights, schedule)(
        z_t.view(6, 1, 2, 2), t
    )
    torch.testing.assert_close(as_images.flatten(1), one)


def test_with_little_noise_the_nearest_point_is_returned_even_in_float32():
    """12,288 numbers an image: a matrix product would lose the little that tells distances apart."""
    points = torch.randn(4, 3, 64, 64, generator=seed())
    schedule = NoiseSchedule.linear()
    t = torch.zeros(4, dtype=torch.int64)
    z_t = schedule.add_noise(points, torch.randn(points.shape, generator=seed(1)), t)
    torch.testing.assert_close(points_denoiser(points, schedule, "x0")(z_t, t), points)


def test_pure_noise_says_nothing():
    schedule = rescale_zero_terminal_snr(NoiseSchedule.linear())
    points = torch.randn(5, 8, generator=seed())
    z_t, t = torch.randn(3, 8, generator=seed(1)), torch.full((3,), 999)
    everywhere = points.mean(0).expand(3, 8)
    torch.testing.assert_close(points_denoiser(points, schedule, "x0")(z_t, t), everywhere, rtol=0, atol=1e-5)
    mixture = mixture_denoiser(points, torch.ones(5), None, schedule, "x0")
    torch.testing.assert_close(mixture(z_t, t), everywhere, rtol=0, atol=1e-5)


def test_shapes_that_do_not_fit_are_refused():
    schedule, means = NoiseSchedule.linear(), torch.zeros(3, 2)
    with pytest.raises(
        ValueError, match=r"covariances have shape \(2,\) for means \(3, 2\); they must be \(3,\)"
    ):
        mixture_denoiser(means, torch.ones(2), None, schedule)
    with pytest.raises(ValueError, match="weights are .*; there must be 3, and all positive"):
        mixture_denoiser(means, torch.ones(3), torch.tensor([1.0, 0.0, 1.0]), schedule)
    with pytest.raises(ValueError, match=r"z_t has shape \(1, 3\); this denoiser knows data of shape \(2,\)"):
        points_denoiser(means, schedule)(torch.zeros(1, 3), torch.tensor([0]))
    with pytest.raises(ValueError, match="prediction 'eps' is unknown"):
        points_denoiser(means, schedule, "eps")
