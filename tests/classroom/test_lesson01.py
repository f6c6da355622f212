"""Lesson 01: its solutions are what the package does, and its small autoencoder does what the theory says."""

import pytest
import torch

from ldm_tutorial.classroom.exercises import judge
from ldm_tutorial.classroom.lessons import lesson01
from ldm_tutorial.classroom.lessons.elbo_loss import vae_loss
from ldm_tutorial.classroom.lessons.latent_scale import latent_scale
from ldm_tutorial.classroom.lessons.vector_autoencoder import (
    PrincipalAxes,
    VectorAutoencoder,
    negative_elbo,
    trained,
)
from ldm_tutorial.first_stage import DiagonalGaussian, KLAutoencoder, KLConfig


@pytest.fixture(scope="module")
def images():
    """Pictures with two axes along which they vary much, three along which they vary little."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.linalg.qr(torch.randn(3 * 8 * 8, 5, generator=generator)).Q
    along = torch.randn(600, 5, generator=generator) * torch.tensor([6.0, 4.0, 0.3, 0.2, 0.1])
    return (along @ directions.T + 0.25).view(600, 3, 8, 8)


@pytest.fixture(scope="module")
def axes(images):
    return PrincipalAxes(images, count=8)


def test_draws_and_kl_are_the_gaussians():
    mean, logvar = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0))
    posterior = DiagonalGaussian(mean, logvar)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(1))
    drawn = posterior.sample(torch.Generator().manual_seed(1))
    torch.testing.assert_close(lesson01.reparameterise(mean, logvar, noise), drawn)
    torch.testing.assert_close(lesson01.kl(mean, logvar), posterior.kl())
    normal = torch.distributions.Normal(mean, posterior.std)
    expected = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(lesson01.kl(mean, logvar), expected)


def test_drawing_new_noise_is_told_from_using_the_noise():
    def new(mean, logvar, noise):
        return torch.normal(mean, torch.exp(0.5 * logvar)).view_as(noise)

    def given(mean, logvar, noise):
        return mean + 3 * noise * logvar

    assert judge(lesson01.reparameterise_exercise, new).mistake == "drawing new noise"
    assert judge(lesson01.reparameterise_exercise, given).status == "wrong"


def test_the_scale_is_the_first_stages(images):
    torch.manual_seed(0)
    config = KLConfig(channels=8, channel_mult=(1, 2), res_blocks=1, norm_groups=4, mid_attention=False)
    first_stage = KLAutoencoder(config).eval()
    with torch.no_grad():
        first_stage.measure_scale([images[:100], images[100:150]])
        posterior = first_stage.posterior(images[:150])
        mean, std = latent_scale(posterior.mean, posterior.logvar.exp())
    torch.testing.assert_close(mean, first_stage.latent_mean, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(std, first_stage.latent_std, rtol=1e-4, atol=1e-4)


def test_the_axes_are_those_of_largest_variance(images, axes):
    pixels = images.flatten(1)
    _, singular, _ = torch.linalg.svd(pixels - pixels.mean(0), full_matrices=False)
    variances = axes.coordinates(images).var(0)
    torch.testing.assert_close(variances[:5], singular[:5] ** 2 / (len(images) - 1), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(axes.axes.T @ axes.axes, torch.eye(8), atol=1e-4, rtol=0)


def test_axes_give_pictures_back_and_keep_distances(images, axes):
    coordinates = axes.coordinates(images)
    torch.testing.assert_close(axes.images(coordinates), images, atol=1e-3, rtol=0)
    apart = (images[:300] - images[300:]).flatten(1).norm(dim=1)
    torch.testing.assert_close(
        (coordinates[:300] - coordinates[300:]).norm(dim=1), apart, rtol=1e-3, atol=1e-3
    )
    one = axes.images(coordinates[:, :1])
    torch.testing.assert_close(axes.coordinates(one)[:, 1:], torch.zeros(600, 7), atol=1e-3, rtol=0)


def test_axes_depend_on_their_seed_only(images, axes):
    state = torch.random.get_rng_state()
    again = PrincipalAxes(images, count=8)
    assert torch.equal(again.axes, axes.axes), "the same seed gives the same axes"
    assert torch.equal(torch.random.get_rng_state(), state), "the global generator is left alone"


def test_more_axes_than_images_are_refused(images):
    with pytest.raises(ValueError, match="count is 8, but 5 images"):
        PrincipalAxes(images[:5], count=8)


def test_the_loss_in_coordinates_is_the_loss_in_pixels(images, axes):
    torch.manual_seed(0)
    model = VectorAutoencoder(axes, scale=5.0, latents=4, width=16)
    posterior = model.posterior(images[:32])
    copies = model.write(posterior.mode())
    expected = vae_loss(images[:32], axes.images(copies), posterior.kl(), beta=3.0)
    got = negative_elbo(axes.coordinates(images[:32]), copies, posterior, beta=3.0)
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-3)


def test_training_learns_and_the_axes_stay(images, axes):
    before = axes.axes.clone()
    model = trained(axes, images, beta=0, steps=150)
    with torch.no_grad():
        error = (model.decode(model.posterior(images).mode()) - images).square().mean()
    assert error < 0.05 * images.var(0).mean(), "two axes hold nearly all there is to learn"
    assert torch.equal(axes.axes, before)


def test_training_is_the_same_twice(images, axes):
    one, other = (trained(axes, images, beta=1.0, steps=5) for _ in range(2))
    assert torch.equal(one.decoder[0].weight, other.decoder[0].weight)


@pytest.mark.parametrize(("beta", "kept"), [(0.5, 2), (1000.0, 0)])
def test_what_varies_less_than_beta_is_given_up(images, axes, beta, kept):
    """Lucas et al. 2019: the best linear VAE keeps what varies by more than beta (36 and 16 here)."""
    model = trained(axes, images, beta=beta, steps=300)
    posterior = model.posterior(images)
    each = 0.5 * (posterior.mean**2 + posterior.logvar.exp() - 1 - posterior.logvar).mean(0)
    assert (each > 0.1).sum() == kept
