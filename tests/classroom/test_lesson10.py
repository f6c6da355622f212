"""Lesson 10: its solutions are what the package computes, and its pictures show what they are said to."""

import math

import pytest
import torch

from ldm_tutorial.classroom.exercises import judge
from ldm_tutorial.classroom.lessons import lesson10
from ldm_tutorial.classroom.lessons.measure_images import (
    PeepsFeatures,
    nearest,
    of_modes,
    one_of_each,
    swapped,
    thumbnails,
)
from ldm_tutorial.classroom.lessons.measure_kernel import kernel_distance
from ldm_tutorial.classroom.lessons.measure_pictures import balls, dots, over_inverse, panels
from ldm_tutorial.classroom.lessons.measure_plane import (
    FIXED,
    START,
    gaussian,
    islands,
    matrix_root,
    sets_of_points,
    transport,
    two_gaussians,
)
from ldm_tutorial.classroom.lessons.measure_precision import precision
from ldm_tutorial.classroom.lessons.measure_score import score
from ldm_tutorial.metrics import (
    AttributeClassifier,
    AttributeClassifierConfig,
    Gaussian,
    density_coverage,
    extract,
    extrapolate,
    frechet_distance,
    inception_score,
    precision_recall,
)
from ldm_tutorial.metrics import kernel_distance as packages


def normal(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def test_the_frechet_distance_along_axes_is_the_packages():
    mean1, mean2, std1, std2 = normal(4, 7)
    std1, std2 = std1.abs(), std2.abs()
    expected = frechet_distance(mean1, std1.square().diag(), mean2, std2.square().diag())
    assert lesson10.frechet(mean1, std1, mean2, std2) == pytest.approx(expected, rel=1e-9)


def test_kernel_precision_and_score_are_the_packages():
    x, y = normal(40, 6), normal(30, 6, seed=1) + 0.3
    assert kernel_distance(x, y) == pytest.approx(packages(x, y).value, rel=1e-9)
    both = precision_recall(x, y, k=3)
    assert (precision(x, y, 3), precision(y, x, 3)) == pytest.approx(both)
    logits = 3 * normal(50, 5)
    assert score(logits.softmax(1)) == pytest.approx(inception_score(logits, splits=1).mean, rel=1e-9)


def test_the_limit_is_the_packages():
    sizes, distances = [100, 200, 700], [9.0, 6.5, 4.1]
    limit = extrapolate(sizes, distances).limit
    assert lesson10.extrapolation(sizes, distances) == pytest.approx(limit, rel=1e-9)
    assert lesson10.extrapolation(sizes, [3 + 50 / n for n in sizes]) == pytest.approx(3), "an exact line"


@pytest.mark.parametrize("exercise", lesson10.EXERCISES, ids=lambda exercise: exercise.name)
def test_an_answer_may_be_a_tensor_of_one_number(exercise):
    verdict = judge(exercise, lambda *arguments: torch.tensor(exercise.solution(*arguments)))
    assert verdict.status == "right", verdict.text


def test_endless_probabilities_of_zero_are_met_kindly():
    def naive(p):
        return (p * (p.log() - p.mean(0).log())).sum(1).mean().exp()

    assert judge(lesson10.score_exercise, naive).mistake == "0 times the logarithm of 0"


def test_points_move_from_one_gaussian_to_the_other():
    one, other = gaussian(FIXED), gaussian(START)
    points = normal(4000, 2)
    points = (points - points.mean(0)) @ matrix_root(torch.cov(points.T), -0.5)  # exact mean and covariance
    points = one.mean + points @ matrix_root(one.cov)
    moved = transport(points, one, other)
    torch.testing.assert_close(moved.mean(0), other.mean)
    torch.testing.assert_close(torch.cov(moved.T), other.cov)
    mean = (moved - points).square().sum(1).sum() / (len(points) - 1)
    shift = (one.mean - other.mean).square().sum() / (len(points) - 1)
    assert float(mean - shift) == pytest.approx(one.distance(other)), "the mean squared move is the distance"


def test_an_arrow_is_the_long_axis():
    long = gaussian({"middle": (1.0, 2.0), "long axis": (0.6, 0.8)})
    values, vectors = torch.linalg.eigh(long.cov)
    torch.testing.assert_close(values[1].sqrt(), torch.tensor(1.0, dtype=torch.float64))
    assert abs(vectors[:, 1] @ torch.tensor([0.6, 0.8], dtype=torch.float64)) == pytest.approx(1)
    assert gaussian(FIXED).distance(gaussian(FIXED)) == pytest.approx(0, abs=1e-9)
    assert gaussian({"middle": (0, 0), "long axis": (0, 0)}).cov.diagonal().min() > 0, (
        "a point can be dragged"
    )


def test_what_the_five_models_of_the_face_show():
    sets = sets_of_points()
    real = sets.pop("real")
    far = {n: Gaussian.fitted(real).distance(Gaussian.fitted(points)) for n, points in sets.items()}
    assert far["a Gaussian"] < 1e-6 < far["outline only"], "only the moments are compared"
    shares = {name: precision_recall(points, real) for name, points in sets.items()}
    assert shares["a Gaussian"].precision < 0.5 < shares["more of the real"].precision
    assert shares["20 points copied"].precision == 1 and shares["20 points copied"].recall < 0.1
    assert shares["outline only"].recall < 0.6 < shares["outline only"].precision
    off = packages(sets["more of the real"], real)
    assert abs(off.value) < 3 * off.standard_error, "no bias between two parts of one face"


def test_a_lone_real_point_lifts_precision_more_than_density():
    samples, real = islands()
    lone = torch.cat([real, torch.tensor([[0.0, -0.1]])])
    before, after = (precision_recall(samples, points).precision for points in (real, lone))
    thick, thicker = (density_coverage(samples, points, k=3).density for points in (real, lone))
    assert after - before > 0.15 > 2 * (thicker - thick)


def test_swapped_patches_are_the_same_patches():
    x = normal(3, 3, 64, 64).float()
    assert torch.equal(swapped(x, 0), x)
    moved = swapped(x, 2)
    changed = (moved != x).any(1).unfold(1, 16, 16).unfold(2, 16, 16).flatten(3).any(3)
    assert changed.sum((1, 2)).tolist() == [4, 4, 4], "two pairs are four patches"
    torch.testing.assert_close(moved.flatten(2).sort(2).values, x.flatten(2).sort(2).values)
    with pytest.raises(ValueError, match="0 to 8 is accepted"):
        swapped(x, 9)


def test_modes_are_dropped():
    class Set:
        def __len__(self):
            return 30

        def values(self, _key):
            return [{"background": ("blue", "white", "gray")[i % 3]} for i in range(30)]

    assert of_modes(Set(), "background", ("blue", "gray"), n=4, start=10) == [11, 12, 14, 15]
    assert one_of_each(Set(), "background") == [0, 1, 2]
    with pytest.raises(ValueError, match="7 items have the background white; 9 are needed"):
        of_modes(Set(), "background", ("white",), n=9, start=10)


def test_peeps_features_are_the_classifiers(tmp_path):
    torch.manual_seed(0)
    kinds = (("hair", ("bun", "afro", "none")), ("skin", ("pale", "dark")))
    config = AttributeClassifierConfig(kinds, image_size=32, channels=(4, 8), hidden=6)
    classifier = AttributeClassifier(config)
    network = PeepsFeatures(classifier)
    images = torch.randint(0, 256, (5, 3, 32, 32), dtype=torch.uint8)
    found = extract(network, images, ("pooled", "logits"), folder=tmp_path, progress=False)
    assert found["pooled"].shape == (5, 6) and found["logits"].shape == (5, 3)
    expected = classifier(images.float() / 127.5 - 1)["hair"]
    torch.testing.assert_close(found["logits"], expected.detach())


def test_the_nearest_is_found():
    images = (torch.rand(12, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8)
    known = thumbnails(images, side=8)
    assert known.shape == (12, 192)
    far, place = nearest(known[[7, 2]] + 0.01, known)
    assert place.tolist() == [7, 2]
    torch.testing.assert_close(far, torch.full((2,), 0.01), atol=1e-4, rtol=0)


def test_pictures_say_what_they_show():
    assert two_gaussians(START).description.startswith("Fréchet distance 4.17 = ")
    samples, real = islands()
    shares = precision_recall(samples, real, k=3)
    assert f"precision {shares.precision:.2f}" in balls(samples, real, 3).description
    measured = {"FD": {"real": [1.0, 2.0], "blurred": [3.0, 4.0]}}
    assert dots(measured, "two each", {"FD": (0, 5)}, {"FD": {"real": 0.0}}).png
    line = {"blur": (range(3), [0.1, 0.2, 0.3])}
    assert panels({"FD": line, "recall": line}, "strength", "two").png
    distances = {"real": {25: 20.0, 400: 1.6, 1000: 0.6}}
    assert over_inverse(distances, {"real": (0.0, 640.0)}, "FD", "a line").png
    assert math.isclose(score(torch.eye(4)), 4)
