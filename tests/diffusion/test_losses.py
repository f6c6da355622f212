import pytest
import torch

from ldm_tutorial.diffusion import PREDICTIONS, SCHEDULES, min_snr_weight, noise_schedule, simple_loss


def setup(name="linear"):
    schedule = noise_schedule(name)
    generator = torch.Generator().manual_seed(0)
    z, noise, mistake = (torch.randn(64, 3, 4, dtype=torch.float64, generator=generator) for _ in range(3))
    return schedule, z, noise, mistake, torch.linspace(0, 999, 64).long()


def denoiser_that_errs_by(mistake, schedule, z, noise, prediction):
    """A denoiser of any prediction whose x0 is z + mistake."""

    def denoise(z_t, t, _condition):
        a, s = schedule.signal_and_noise(t, z_t)
        x0 = z + mistake
        return schedule.target(x0, (z_t - a * x0) / s, t, prediction)

    return denoise


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_min_snr_makes_every_prediction_weigh_the_same_mistake_alike(name, prediction):
    """By min(SNR, 5) times the squared error of x0 (Hang et al. 2023, section 3.4)."""
    schedule, z, noise, mistake, t = setup(name)
    denoise = denoiser_that_errs_by(mistake, schedule, z, noise, prediction)
    loss = simple_loss(schedule, denoise, z, noise, t, None, prediction, min_snr_gamma=5.0)
    expected = schedule.snr[t].clamp(max=5) * mistake.square().flatten(1).mean(1)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize(("prediction", "weight"), [("epsilon", (1, 0)), ("x0", (0, 1)), ("v", (1, 1))])
def test_the_simple_losses_weigh_it_by_snr_by_1_and_by_snr_plus_1(prediction, weight):
    schedule, z, noise, mistake, t = setup()
    denoise = denoiser_that_errs_by(mistake, schedule, z, noise, prediction)
    loss = simple_loss(schedule, denoise, z, noise, t, prediction=prediction)
    expected = (weight[0] * schedule.snr[t] + weight[1]) * mistake.square().flatten(1).mean(1)
    torch.testing.assert_close(loss, expected)


def test_the_condition_reaches_the_denoiser_and_a_perfect_one_loses_nothing():
    schedule, z, noise, _, t = setup()

    def perfect(z_t, t, condition):
        assert condition == "as it is"
        return noise

    assert (simple_loss(schedule, perfect, z, noise, t, "as it is") == 0).all()


def test_weights_of_the_paper():
    snr = torch.tensor([0.0, 0.5, 5.0, 100.0])
    assert min_snr_weight(snr, "epsilon", 5).tolist() == pytest.approx([1, 1, 1, 0.05])
    assert min_snr_weight(snr, "x0", 5).tolist() == pytest.approx([0, 0.5, 5, 5])
    assert min_snr_weight(snr, "v", 5).tolist() == pytest.approx([0, 1 / 3, 5 / 6, 5 / 101])


def test_messages():
    with pytest.raises(ValueError, match="gamma is -1; min-SNR weighting needs a positive one"):
        min_snr_weight(torch.ones(1), "v", -1)
    with pytest.raises(ValueError, match="prediction 'eps' is unknown; known are epsilon, x0, v"):
        min_snr_weight(torch.ones(1), "eps", 5)
