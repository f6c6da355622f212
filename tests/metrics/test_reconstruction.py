"""PSNR, SSIM and the perceptual distance: closed forms, and torchmetrics."""

import pytest
import torch
from torchmetrics.functional.image import (
    peak_signal_noise_ratio,
    structural_similarity_index_measure,
)

from ldm_tutorial.metrics import perceptual_distance, psnr, ssim


def pair(shape=(4, 3, 32, 48), noise=0.2):
    generator = torch.Generator().manual_seed(0)
    smooth = torch.rand(shape[0], shape[1], 4, 6, generator=generator) * 2 - 1
    references = torch.nn.functional.interpolate(smooth, shape[-2:], mode="bicubic").clamp(-1, 1)
    images = (references + noise * torch.randn(shape, generator=generator)).clamp(-1, 1)
    return images, references


@pytest.mark.parametrize("difference", [0.02, 0.2, 2.0])
def test_psnr_of_a_constant_difference(difference):
    black = torch.full((2, 3, 8, 8), -1.0)
    expected = 20 * torch.log10(torch.tensor(2 / difference))
    assert torch.allclose(psnr(black + difference, black), expected.expand(2), atol=1e-3), (
        "20 log10(2 / d) dB"
    )


def test_psnr_of_equal_images_is_infinite():
    images, _ = pair()
    assert psnr(images, images).isinf().all()


def test_measures_are_per_image():
    images, references = pair()
    for measure in (psnr, ssim):
        alone = torch.cat([measure(i[None], r[None]) for i, r in zip(images, references, strict=True)])
        assert torch.allclose(measure(images, references), alone, atol=1e-6), (
            "an image's score has no batch mates"
        )


@pytest.mark.parametrize("noise", [0.01, 0.2, 1.0])
def test_psnr_agrees_with_torchmetrics(noise):
    images, references = pair(noise=noise)
    expected = peak_signal_noise_ratio(images, references, data_range=2.0, reduction="none", dim=(1, 2, 3))
    assert torch.allclose(psnr(images, references), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("shape", [(4, 3, 32, 48), (2, 1, 11, 64)])
def test_ssim_agrees_with_torchmetrics(noise, shape):
    images, references = pair(shape, noise)
    both = [images / 2 + 0.5, references / 2 + 0.5]
    expected = structural_similarity_index_measure(*both, data_range=1.0, reduction="none")
    assert torch.allclose(ssim(images, references), expected, atol=1e-5, rtol=0)


def test_ssim_forgives_brightness_and_psnr_does_not():
    _, references = pair()
    references = references * 0.8
    brighter = references + 0.1
    sign = torch.where(
        torch.rand(references.shape, generator=torch.Generator().manual_seed(1)) < 0.5, -0.1, 0.1
    )
    assert torch.allclose(psnr(brighter, references), psnr(references + sign, references), atol=1e-3)
    assert (ssim(brighter, references) > ssim(references + sign, references) + 0.05).all()


def test_wrong_shapes_are_named():
    images, references = pair()
    with pytest.raises(
        ValueError, match=r"shapes \(4, 3, 32, 48\) and \(3, 3, 32, 48\); both must be the same"
    ):
        psnr(images, references[1:])
    with pytest.raises(ValueError, match=r"images are \(8, 8\); SSIM needs at least 11 pixels"):
        ssim(images[..., :8, :8], references[..., :8, :8])


def test_perceptual_distance_is_per_image_and_takes_any_network():
    images, references = pair()

    class Spread(torch.nn.Module):
        def forward(self, x, y):
            return (x - y).flatten(1).std(1)

    expected = (images - references).flatten(1).std(1)
    assert torch.allclose(perceptual_distance(images, references, Spread()), expected)
    with pytest.raises(ValueError, match="both must be the same"):
        perceptual_distance(images, references[1:], Spread())


def test_perceptual_distance_of_worse_copies_is_larger():
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra 'perceptual' is not installed")
    images, references = pair(noise=0.05)
    worse, _ = pair(noise=0.4)
    near, far = perceptual_distance(images, references), perceptual_distance(worse, references)
    assert near.shape == (4,) and (near > 0).all() and (far > near).all()
    assert perceptual_distance(references, references).abs().max() == 0
