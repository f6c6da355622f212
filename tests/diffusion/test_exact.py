import pytest
import torch

from ldm_tutorial.diffusion import PREDICTIONS, NoiseSchedule, gaussian_denoiser

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
