import pytest
import torch

from ldm_tutorial.diffusion import noise_like, seeded_generators, seeded_noise


def test_starting_noise_of_image_i_depends_on_seed_plus_i_only():
    many = seeded_noise((4, 3, 5, 5), seed=10)
    for i in range(4):
        assert torch.equal(many[i], seeded_noise((1, 3, 5, 5), seed=10 + i)[0])
    assert many.dtype == torch.float32


def test_generators_of_image_i_depend_on_seed_plus_i_only():
    z = torch.empty(4, 2, 3)
    many = noise_like(z, seeded_generators(4, 10))
    for i, g in enumerate(seeded_generators(4, 10)):
        assert torch.equal(many[i], noise_like(z[:1], [g])[0])
    assert torch.equal(many[2:], noise_like(z[:2], seeded_generators(2, 12)))


def test_the_first_steps_noise_is_not_the_starting_noise_again():
    start = seeded_noise((8, 1000), seed=0)
    steps = noise_like(start, seeded_generators(8, 0))
    one = noise_like(start, torch.Generator().manual_seed(0))
    for other in (steps, one):
        assert abs(float((start * other).mean())) < 0.05, "noise of the steps repeats the starting noise"


def test_noise_is_standard_normal_across_images():
    noise = seeded_noise((2000, 50), seed=0)
    assert abs(float(noise.mean())) < 0.01 and float(noise.std()) == pytest.approx(1, abs=0.01)
    neighbours = (noise[1:] * noise[:-1]).mean()
    assert abs(float(neighbours)) < 0.02, "images of neighbouring seeds are correlated"


def test_dtype_follows_z_and_draws_do_not():
    a = noise_like(torch.empty(2, 3), torch.Generator().manual_seed(0))
    for dtype in (torch.bfloat16, torch.float64):
        b = noise_like(torch.empty(2, 3, dtype=dtype), torch.Generator().manual_seed(0))
        assert b.dtype == dtype and torch.equal(b, a.to(dtype))


def test_messages():
    with pytest.raises(
        ValueError, match="generator is a list of 2 for a batch of 3; give one for each image"
    ):
        noise_like(torch.empty(3, 1), seeded_generators(2, 0))
    with pytest.raises(
        ValueError, match=r"generator is None, but noise is to be drawn; give a torch\.Generator"
    ):
        noise_like(torch.empty(3, 1), None)
