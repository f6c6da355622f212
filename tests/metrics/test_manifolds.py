"""Precision, recall, density, coverage and the Inception score: by hand, torch-fidelity, limits."""

import numpy as np
import pytest
import torch

from ldm_tutorial.metrics import density_coverage, inception_score, precision_recall


def features(n, d=10, seed=0, shift=0.0, scale=1.0):
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return x * scale + shift


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.5, 1.0), (0.0, 0.4), (0.0, 2.0)])
def test_precision_and_recall_are_torch_fidelitys(shift, scale):
    from torch_fidelity.metric_prc import prc_features_to_metric

    x, y = features(90, seed=1, shift=shift, scale=scale), features(110, seed=2)
    theirs = prc_features_to_metric(x, y, prc_neighborhood=3, verbose=False)
    ours = precision_recall(x, y, k=3)
    assert ours.precision == pytest.approx(theirs["precision"], rel=1e-6)
    assert ours.recall == pytest.approx(theirs["recall"], rel=1e-6)


def test_density_and_coverage_by_hand():
    x, y, k = features(40, seed=1, scale=0.8), features(50, seed=2), 4
    apart = torch.linalg.vector_norm(y[:, None] - x[None], dim=2)  # (M, N)
    own = torch.linalg.vector_norm(y[:, None] - y[None], dim=2).sort(1).values[:, k]
    density = (apart <= own[:, None]).sum().item() / (k * len(x))
    coverage = (apart.min(1).values <= own).double().mean().item()
    assert list(density_coverage(x, y, k)) == pytest.approx([density, coverage])


def test_equal_sets_and_sets_apart():
    x = features(60, seed=1)
    assert precision_recall(x, x) == (1.0, 1.0)
    assert precision_recall(x, x.flip(0)) == (1.0, 1.0)
    assert density_coverage(x, x).coverage == 1.0
    assert precision_recall(x, x + 1e3) == (0.0, 0.0)
    assert density_coverage(x, x + 1e3) == (0.0, 0.0)
    constant = torch.full((9, 10), 0.3)
    assert precision_recall(constant, constant) == (1.0, 1.0), "balls without extent hold their centres"


def test_a_dropped_mode_costs_recall_and_noise_costs_precision():
    modes = torch.cat([features(80, seed=1), features(80, seed=2, shift=20)])
    one = features(160, seed=3)
    precision, recall = precision_recall(one, modes)
    assert precision > 0.8 and recall < 0.55
    noisy = torch.cat([features(80, seed=4), features(80, seed=5, shift=200)])
    precision, recall = precision_recall(noisy, features(160, seed=6))
    assert precision < 0.55 and recall > 0.6


def test_one_outlier_inflates_precision_and_not_density():
    reference, samples = features(100, seed=1), features(100, seed=2, shift=4.0)
    outlier = torch.cat([reference, features(1, shift=40.0)])
    change = precision_recall(samples, outlier).precision - precision_recall(samples, reference).precision
    assert change > 0.5
    density = density_coverage(samples, outlier).density - density_coverage(samples, reference).density
    assert density < 0.25


def test_rows_read_at_once_change_nothing(monkeypatch):
    x, y = features(50, seed=1), features(60, seed=2)
    whole = precision_recall(x, y), density_coverage(x, y)
    monkeypatch.setattr("ldm_tutorial.metrics.manifolds.ROWS", 7)
    assert (precision_recall(x, y), density_coverage(x, y)) == whole


def test_too_few_neighbours_are_named():
    x = features(10)
    with pytest.raises(ValueError, match="samples has N = 3; at least 4 samples are needed"):
        precision_recall(x[:3], x)
    with pytest.raises(ValueError, match="reference has N = 5; at least 6"):
        density_coverage(x, x[:5])
    with pytest.raises(ValueError, match="k is 0"):
        precision_recall(x, x, k=0)
    with pytest.raises(ValueError, match="samples is empty"):
        precision_recall(x[:0], x)


def test_inception_score_is_torch_fidelitys_and_torchmetrics():
    from torch_fidelity.metric_isc import isc_features_to_metric

    logits = features(103, 20, seed=1, scale=3.0)
    theirs = isc_features_to_metric(logits, splits=10)
    ours = inception_score(logits)
    expected = [theirs[f"inception_score_{key}"] for key in ("mean", "std")]
    assert list(ours) == pytest.approx(expected, rel=1e-9)

    from torchmetrics.image.inception import InceptionScore

    metric = InceptionScore(feature=torch.nn.Identity(), splits=1)
    metric.update(logits)
    assert inception_score(logits, splits=1).mean == pytest.approx(metric.compute()[0].item(), rel=1e-6)


def test_inception_score_between_one_and_the_number_of_classes():
    sure_and_diverse = 100 * torch.eye(10).repeat(20, 1)
    assert inception_score(sure_and_diverse, splits=4, seed=None).mean == pytest.approx(10, rel=1e-6)
    assert inception_score(torch.zeros(50, 10)).mean == pytest.approx(1), "nothing is recognised"
    assert inception_score(torch.eye(10)[:1].repeat(50, 1)).mean == pytest.approx(1), "all the same"
    shuffled = inception_score(sure_and_diverse[torch.randperm(200)], splits=1, seed=None).mean
    assert shuffled == pytest.approx(10, rel=1e-6), "order is nothing where there is one part"


def test_inception_score_of_too_few():
    with pytest.raises(ValueError, match="splits is 10; from 1 to N = 4"):
        inception_score(torch.zeros(4, 10))
    with pytest.raises(ValueError, match="logits is empty"):
        inception_score(torch.zeros(0, 10), splits=1)
    with pytest.raises(ValueError, match="logits holds NaN"):
        inception_score(torch.full((4, 10), np.nan), splits=1)
