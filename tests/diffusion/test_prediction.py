import pytest
import torch

from ldm_tutorial.diffusion import DDIM, DDPM, PREDICTIONS, SCHEDULES, noise_schedule


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_perfect_denoiser_returns_image_and_noise_at_every_t(name, prediction):
    schedule = noise_schedule(name)
    z, noise = torch.randn(2, 1000, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    t = torch.arange(1000)
    z_t = schedule.add_noise(z, noise, t)
    answer = schedule.target(z, noise, t, prediction)
    torch.testing.assert_close(schedule.to_x0(answer, z_t, t, prediction), z, rtol=0, atol=1e-9)
    torch.testing.assert_close(schedule.to_epsilon(answer, z_t, t, prediction), noise, rtol=0, atol=1e-9)


@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("steps", [1, 7, 100])
@pytest.mark.parametrize("spacing", ["leading", "trailing", "linspace"])
def test_training_and_sampling_count_t_alike(prediction, steps, spacing):
    """Noise an image as training does, then let a sampler with the same index find it again, exactly."""
    schedule = noise_schedule("linear", 100)
    z, noise = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def perfect(z_t, t, _):
        alpha_bar = schedule.alphas_cumprod[t][:, None]
        seen_noise = (z_t - alpha_bar.sqrt() * z) / (1 - alpha_bar).sqrt()
        return schedule.target(z, seen_noise, t, prediction)

    for sampler in (
        DDIM(schedule, steps, spacing=spacing, prediction=prediction),
        DDPM(schedule, steps, spacing=spacing, prediction=prediction),
    ):
        first = torch.full((3,), sampler.timesteps[0])
        z_t = schedule.add_noise(z, noise, first)
        for state in sampler(perfect, z_t, generator=torch.Generator().manual_seed(1)):
            torch.testing.assert_close(state.x0, z, rtol=0, atol=1e-9)
            if isinstance(sampler, DDIM) and state.t >= 0:
                same_path = schedule.add_noise(z, noise, torch.full((3,), state.t))
                torch.testing.assert_close(state.z, same_path, rtol=0, atol=1e-9)
        assert state.t == -1
        torch.testing.assert_close(state.z, z, rtol=0, atol=1e-9)


def test_v_is_the_derivative_of_the_path_in_angle():
    """With a = cos φ and s = sin φ, v = dz_t/dφ (Salimans & Ho 2022, appendix D)."""
    schedule = noise_schedule("cosine")
    z, noise = torch.randn(2, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([1, 300, 600, 990])
    angle = torch.acos(schedule.alphas_cumprod[t].sqrt())[:, None]
    path = lambda phi: phi.cos() * z + phi.sin() * noise  # noqa: E731
    slope = (path(angle + 1e-5) - path(angle - 1e-5)) / 2e-5
    torch.testing.assert_close(schedule.target(z, noise, t, "v"), slope, rtol=0, atol=1e-8)
