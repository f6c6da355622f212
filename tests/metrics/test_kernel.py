"""The kernel distance: by hand, torch-fidelity and torchmetrics on the same subsets, unbiased, its error."""

import numpy as np
import pytest
import torch

from ldm_tutorial.metrics import kernel_distance, kernel_distance_of_subsets


def features(n, d=12, seed=0, shift=0.0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift


def test_every_pair_by_hand():
    x, y = features(5, 3, 1), features(4, 3, 2)

    def k(a, b):
        return ((a @ b) / 3 + 1).item() ** 3

    xx = np.mean([k(x[i], x[j]) for i in range(5) for j in range(5) if i != j])
    yy = np.mean([k(y[i], y[j]) for i in range(4) for j in range(4) if i != j])
    xy = np.mean([k(a, b) for a in x for b in y])
    assert kernel_distance(x, y).value == pytest.approx(xx + yy - 2 * xy, rel=1e-12)


def test_the_standard_error_leaves_out_one_at_a_time():
    x, y = features(7, 3, 1), features(6, 3, 2, shift=0.5)
    without_x = [kernel_distance(torch.cat([x[:i], x[i + 1 :]]), y).value for i in range(7)]
    without_y = [kernel_distance(x, torch.cat([y[:i], y[i + 1 :]])).value for i in range(6)]
    variance = 6 * np.var(without_x) + 5 * np.var(without_y)
    assert kernel_distance(x, y).standard_error == pytest.approx(np.sqrt(variance), rel=1e-9)


def test_torch_fidelity_on_the_same_subsets():
    from torch_fidelity.metric_kid import kid_features_to_metric

    x, y = features(130, seed=1), features(150, seed=2, shift=0.1)
    theirs = kid_features_to_metric(x, y, kid_subsets=7, kid_subset_size=60, verbose=False)
    ours = kernel_distance_of_subsets(x, y, subsets=7, subset_size=60)
    expected = [theirs[f"kernel_inception_distance_{key}"] for key in ("mean", "std")]
    assert list(ours) == pytest.approx(expected, rel=1e-9)


def test_torchmetrics_on_all_samples():
    from torchmetrics.image.kid import poly_mmd

    x, y = features(40, seed=1), features(40, seed=2, shift=0.3)
    assert kernel_distance(x, y).value == pytest.approx(poly_mmd(x, y).item(), rel=1e-9)
    other = poly_mmd(x, y, degree=2, gamma=0.5, coef=0.3).item()
    assert kernel_distance(x, y, degree=2, gamma=0.5, coef=0.3).value == pytest.approx(other, rel=1e-9)


def test_equal_distributions_are_at_zero_within_three_standard_errors():
    results = [kernel_distance(features(60, seed=2 * i), features(80, seed=2 * i + 1)) for i in range(40)]
    values = np.array([value for value, _ in results])
    assert abs(values.mean()) < 3 * values.std() / np.sqrt(len(values)), "no bias at N = 60"
    assert (values < 0).any(), "an unbiased estimate of 0 is negative now and then"
    inside = sum(abs(value) < 3 * error for value, error in results)
    assert inside >= 38, "nearly always within three standard errors"


def test_the_standard_error_is_the_spread_over_repetitions():
    results = [
        kernel_distance(features(60, seed=2 * i), features(60, seed=2 * i + 1, shift=0.4)) for i in range(40)
    ]
    spread = np.std([value for value, _ in results])
    assert np.mean([error for _, error in results]) == pytest.approx(spread, rel=0.35)


def test_the_order_of_samples_and_of_rows_read_at_once_is_nothing(monkeypatch):
    x, y = features(50, seed=1), features(40, seed=2)
    whole = kernel_distance(x, y)
    assert list(kernel_distance(x.flip(0), y.roll(3, 0))) == pytest.approx(list(whole), rel=1e-9)
    monkeypatch.setattr("ldm_tutorial.metrics.kernel.ROWS", 7)
    assert list(kernel_distance(x, y)) == pytest.approx(list(whole), rel=1e-9)
    back = kernel_distance(y, x)
    assert list(back) == pytest.approx(list(whole), rel=1e-9)


def test_too_few_and_what_does_not_fit():
    x = features(5)
    with pytest.raises(ValueError, match="samples has N = 1; at least 2"):
        kernel_distance(x[:1], x)
    with pytest.raises(ValueError, match="reference is empty"):
        kernel_distance(x, x[:0])
    with pytest.raises(ValueError, match="12 features and reference has 3"):
        kernel_distance(x, features(5, 3))
    with pytest.raises(ValueError, match="samples holds NaN"):
        kernel_distance(x * float("nan"), x)
    with pytest.raises(ValueError, match="subset_size is 1000, and there are 5 samples and 5"):
        kernel_distance_of_subsets(x, x)
    assert np.isnan(kernel_distance(x[:2], x).standard_error), "two samples say nothing of their spread"
    constant = torch.ones(6, 3)
    value, error = kernel_distance(constant, constant)
    assert abs(value) < 1e-12 and error < 1e-12
