"""Two sets of images: what is refused, what is warned of, what is kept, and what stands in the record."""

import json
import warnings

import pytest
import torch
from means import Means, pictures
from PIL import Image

from ldm_tutorial.data import open_images, to_float
from ldm_tutorial.metrics import (
    Features,
    FewSamplesWarning,
    Gaussian,
    compare,
    distances_by_n,
    extract,
    extrapolate,
    frechet_distance,
    kernel_distance,
    measured_bias,
    precision_recall,
)


def quietly(*arguments, **options):
    return compare(*arguments, network=options.pop("network", None) or Means(), progress=False, **options)


def test_the_values_are_those_of_the_functions():
    a, b = pictures(40, 1, spread=0.8), pictures(50, 2)
    measured = quietly(a, b, everything=True)
    x, y = Means()(a).pooled.double(), Means()(b).pooled.double()
    v = measured.values
    assert v["FD-means"] == pytest.approx(frechet_distance(x.mean(0), x.T.cov(), y.mean(0), y.T.cov()))
    assert (v["KD-means"], v["KD-means standard error"]) == pytest.approx(tuple(kernel_distance(x, y)))
    assert (v["precision"], v["recall"]) == precision_recall(x, y)
    assert v["sFD-means"] == pytest.approx(2 * v["FD-means"], rel=1e-6), "each feature twice"
    assert 0 <= v["coverage"] <= 1 and v["density"] > 0 and 1 <= v["IS-means"] <= 12
    assert measured.record()["splits"] == 10 and "10 splits" in measured.line(), "the score depends on them"


def test_equal_sets_floats_and_image_sets(cache):
    a = pictures(30)
    same = quietly(to_float(a), to_float(a)).values
    assert same["FD-means"] < 1e-9 and same["precision"] == same["recall"] == same["coverage"] == 1
    peeps = open_images("peeps", "valid", limit=20)
    assert quietly(peeps, peeps.pixels().flip(0)).values["FD-means"] < 1e-9, "a set and its pixels, any order"


def test_the_record_says_all_and_the_line_too(tmp_path):
    sampling = {"sampler": "DDIM", "steps": 50, "eta": 0.0, "guidance_scale": 3.0, "seed": 7}
    measured = quietly(pictures(20, 1), pictures(30, 2), sampling=sampling)
    measured.write(tmp_path / "deep" / "record.json")
    record = json.loads((tmp_path / "deep" / "record.json").read_text())
    assert record == measured.record()
    assert record["sampling"] == sampling and record["n"] == 20 and record["n_reference"] == 30
    assert record["image_size"] == [8, 8] and record["network"] == "means" and record["resize"] == "none"
    assert record["weights"] == Means.fingerprint and len(record["samples"]) == len(record["reference"]) == 16
    assert record["neighbours"] == {"precision and recall": 3, "density and coverage": 5}
    line = measured.line()
    assert "\n" not in line
    assert line.startswith(f"FD-means {measured.values['FD-means']:.4g}, KD-means ") and " ± " in line
    assert "N = 20 against 30, 8x8 px, means, none" in line
    assert "50 DDIM steps, eta 0, guidance scale 3, seed 7" in line


@pytest.mark.parametrize("n", [6, 11])
def test_fewer_samples_than_features_warn_with_the_measured_bias(n):
    a, b = pictures(n, 1), pictures(30, 2)
    with pytest.warns(FewSamplesWarning, match=rf"{n} samples are fewer than the 12 features: two sets"):
        measured = quietly(a, b)
    assert measured.bias == measured_bias(Means()(b).pooled, n)
    assert measured.record()["bias"]["distance"] == measured.bias.distance > 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert quietly(pictures(12, 1), b).bias is None, "as many samples as features are enough"


def test_sets_that_cannot_be_compared():
    a = pictures(10)
    cases = [
        (a, pictures(10, size=16), "samples are 8x8 and reference 16x16"),
        (a, to_float(a), "samples are uint8 and reference is float32"),
        (to_float(a).double(), to_float(a), "samples are float64 and reference is float32"),
        (to_float(a), a / 255, r"reference has values in \[0, 1\]; float32 images must be in \[-1, 1\]: 2"),
        (a.float(), to_float(a), r"samples has values in \[0, 255\].*: images / 127.5 - 1"),
        (to_float(a) * 3, to_float(a), r"samples has values in \[-3, 2.98\]"),
        ((a > 127).byte(), a, r"samples has values in \[0, 1\]; uint8 images must be in 0..255"),
        (a, a[:0], "reference has no images; N = 0"),
        (a[:1], a, "samples has N = 1; at least 6 images are needed"),
        (a, a[:, :1], r"reference has shape \(10, 1, 8, 8\)"),
        (to_float(a) * float("nan"), to_float(a), "samples holds NaN"),
        (a.int(), a, "samples are int32; uint8 or floats"),
    ]
    for samples, reference, message in cases:
        with pytest.raises(ValueError, match=message):
            quietly(samples, reference)


def test_features_that_are_nan_are_named():
    class Broken(Means):
        fingerprint = "broken"

        def __call__(self, images):
            return Features(super().__call__(images).pooled.log() * float("nan"))

    with pytest.raises(ValueError, match="samples holds NaN or infinity in 20 of 20 rows"):
        quietly(pictures(20), pictures(20, 1), network=Broken())


def test_constant_images_are_measured():
    black, white = (torch.full((20, 3, 8, 8), value, dtype=torch.uint8) for value in (0, 255))
    values = quietly(black, white).values
    assert values["FD-means"] == pytest.approx(12) and values["precision"] == 0
    assert quietly(white, white).values["recall"] == 1
    floats = quietly(to_float(white), to_float(black)).values
    assert floats["FD-means"] == pytest.approx(12), "plain white is 1 in [-1, 1], not in [0, 1]"


def test_batches_and_order_are_nothing():
    a, b = pictures(23, 1), pictures(30, 2)
    whole = quietly(a, b).values
    small = compare(a.flip(0), b.roll(5, 0), Means(), batch_size=4, progress=False).values
    assert small == pytest.approx(whole, rel=1e-5)
    with pytest.raises(ValueError, match="images is empty"):
        extract(Means(), a[:0])


def test_the_bias_falls_with_n_and_the_line_over_its_inverse_finds_the_truth():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6000, 10, generator=generator, dtype=torch.float64)
    y = torch.randn(20000, 10, generator=generator, dtype=torch.float64) + 0.1
    sizes = (100, 200, 400, 1000)
    found = distances_by_n(x, y, sizes, draws=5)
    assert found == sorted(found, reverse=True)
    limit, slope = extrapolate(sizes, found)
    truth = 10 * 0.1**2
    assert abs(limit - truth) < 0.03 < found[0] - truth and slope > 0
    few, many = measured_bias(x, 30), measured_bias(x, 1000)
    assert few.distance > 10 * many.distance > 0 and 0 < many.share < few.share < 1
    assert measured_bias(x[:40], 100).n == 20, "half of what there is"
    assert extrapolate([1, 2], [3.0, 2.0]) == pytest.approx((1.0, 2.0))


def test_wrong_sizes_are_named():
    x = torch.randn(20, 3)
    with pytest.raises(ValueError, match="from 2 to N = 20"):
        distances_by_n(x, x, [1, 5])
    with pytest.raises(ValueError, match="2 sizes and 1 distances"):
        extrapolate([1, 2], [1.0])
    with pytest.raises(ValueError, match="N = 3; at least 4"):
        measured_bias(x[:3], 2)


def test_real_pictures_worsened_more_are_farther():
    pytest.importorskip("efficientnet_lite_pytorch", reason="the extra 'perceptual' is not installed")
    from ldm_tutorial.metrics import Lite0Features
    from ldm_tutorial.metrics.attribute_training import blur

    pixels = open_images("peeps", "valid", limit=48).pixels()
    real, other = pixels[:24], pixels[24:]
    network = Lite0Features()
    sets = [other, *((blur(to_float(other), s) * 127.5 + 127.5).round().byte() for s in (0.7, 1.5))]
    features = [extract(network, images, progress=False)["pooled"] for images in (real, *sets)]
    near, *far = [Gaussian.fitted(features[0]).distance(Gaussian.fitted(f)) for f in features[1:]]
    assert near < far[0] < far[1], "blur is seen even at N = 24, where most of the distance is bias"


def test_a_folder_of_images(tmp_path):
    for i, picture in enumerate(pictures(8)):
        Image.fromarray(picture.permute(1, 2, 0).numpy()).save(tmp_path / f"{i}.png")
    folder = open_images(tmp_path, "all", size=8)
    with pytest.warns(FewSamplesWarning):
        assert quietly(folder, pictures(8)).values["FD-means"] < 1e-9
