"""The Frechet distance: closed forms, scipy's matrix root, torch-fidelity; covariances without full rank."""

import numpy as np
import pytest
import scipy.linalg
import torch

from ldm_tutorial.metrics import Gaussian, Moments, frechet_distance


def gaussian(d, seed, spread=1.0):
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(d, d, generator=generator, dtype=torch.float64)
    mean = torch.randn(d, generator=generator, dtype=torch.float64)
    return mean, spread * a @ a.T / d + 0.01 * torch.eye(d, dtype=torch.float64)


def features(n, d, seed, decay=0.0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, d, generator=generator, dtype=torch.float64)
    return x * torch.arange(1, d + 1, dtype=torch.float64) ** -decay + 0.1 * seed


def moments(x):
    return x.mean(0), torch.cov(x.T)


def by_singular_values(x, y):
    """The truth for features, whatever their number: singular values lose nothing by rounding."""
    x0, y0 = x - x.mean(0), y - y.mean(0)
    overlap = np.linalg.svd((x0 @ y0.T).numpy(), compute_uv=False).sum()
    overlap /= np.sqrt((len(x) - 1) * (len(y) - 1))
    traces = x0.square().sum() / (len(x) - 1) + y0.square().sum() / (len(y) - 1)
    return float((x.mean(0) - y.mean(0)).square().sum() + traces - 2 * overlap)


@pytest.mark.parametrize("d", [1, 5, 40])
def test_diagonal_gaussians(d):
    generator = torch.Generator().manual_seed(d)
    m1, m2, s1, s2 = torch.rand(4, d, generator=generator, dtype=torch.float64)
    expected = (m1 - m2).square().sum() + (s1 - s2).square().sum()
    distance = frechet_distance(m1, torch.diag(s1**2), m2, torch.diag(s2**2))
    assert isinstance(distance, float) and distance == pytest.approx(expected.item(), rel=1e-10)


@pytest.mark.parametrize("smallest", [1.0, 1e-6])
def test_commuting_gaussians(smallest):
    generator = torch.Generator().manual_seed(0)
    q, _ = torch.linalg.qr(torch.randn(30, 30, generator=generator, dtype=torch.float64))
    a, b = torch.rand(2, 30, generator=generator, dtype=torch.float64) + smallest
    mean = torch.zeros(30)
    expected = (a.sqrt() - b.sqrt()).square().sum().item()
    distance = frechet_distance(mean, q * a @ q.T, mean, q * b @ q.T)
    assert distance == pytest.approx(expected, rel=1e-10)


def test_against_the_matrix_root_and_torch_fidelity():
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

    (m1, c1), (m2, c2) = gaussian(60, 1), gaussian(60, 2, spread=3.0)
    root = scipy.linalg.sqrtm(c1.numpy() @ c2.numpy())
    expected = float((m1 - m2).square().sum() + c1.trace() + c2.trace() - 2 * np.trace(root).real)
    ours = frechet_distance(m1.numpy(), c1.numpy(), m2.numpy(), c2.numpy())
    assert ours == pytest.approx(expected, rel=1e-8)
    pair = [{"mu": m.numpy(), "sigma": c.numpy()} for m, c in ((m1, c1), (m2, c2))]
    assert ours == pytest.approx(fid_statistics_to_metric(*pair, False)[KEY_METRIC_FID], rel=1e-5)


def test_torchmetrics_on_the_same_features():
    from torchmetrics.image.fid import FrechetInceptionDistance

    class AsTheyCome(torch.nn.Module):
        num_features = 20

        def forward(self, x):
            return x

    x, y = features(100, 20, 1), features(80, 20, 2)
    metric = FrechetInceptionDistance(feature=AsTheyCome(), normalize=True)
    metric.set_dtype(torch.float64)
    metric.update(x, real=True)
    metric.update(y, real=False)
    assert Gaussian.fitted(x).distance(Gaussian.fitted(y)) == pytest.approx(metric.compute().item(), rel=1e-5)


def test_features_of_one_number_and_lists():
    x, y = np.random.default_rng(0).normal(size=(2, 50))
    one = frechet_distance([x.mean()], np.cov(x), [y.mean()], np.cov(y))
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert one == pytest.approx(expected, rel=1e-10)
    assert Gaussian.fitted(x[:, None].tolist()).distance(Gaussian.fitted(y[::-1, None])) == pytest.approx(
        expected, rel=1e-10
    )


def test_more_dimensions_than_a_block_of_the_root_has():
    (m1, c1), (m2, c2) = gaussian(300, 1), gaussian(300, 2, spread=3.0)
    roots = np.sqrt(np.linalg.eigvals(c1.numpy() @ c2.numpy()).astype(complex)).real.sum()
    expected = float((m1 - m2).square().sum() + c1.trace() + c2.trace()) - 2 * roots
    assert frechet_distance(m1, c1, m2, c2) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("n", "m"), [(20, 20), (20, 35), (100, 20), (20, 500), (65, 64), (200, 300)])
@pytest.mark.parametrize("decay", [0.0, 2.0])
def test_rank_deficient_covariances_are_exact(n, m, decay):
    x, y = features(n, 64, 1, decay), features(m, 64, 2, decay)
    truth = by_singular_values(x, y)
    assert frechet_distance(*moments(x), *moments(y)) == pytest.approx(truth, rel=1e-6)
    assert frechet_distance(*moments(y), *moments(x)) == pytest.approx(truth, rel=1e-6), "either way round"
    fitted = Gaussian.fitted(x).distance(Gaussian.fitted(y))
    assert fitted == pytest.approx(truth, rel=1e-6 if max(n, m) > 64 else 1e-12)


def test_a_decaying_spectrum_of_full_rank():
    """Where products of small eigenvalues reach the rounding of large ones, the exact way must be taken."""
    x, y = features(4000, 48, 1, decay=3.0), features(4000, 48, 2, decay=3.5)
    (m1, c1), (m2, c2) = moments(x), moments(y)
    a1, a2 = (np.linalg.qr((v - v.mean(0)).numpy(), mode="r").T / np.sqrt(3999) for v in (x, y))
    truth = float((m1 - m2).square().sum() + c1.trace() + c2.trace())
    truth -= 2 * np.linalg.svd(a1.T @ a2, compute_uv=False).sum()
    assert frechet_distance(m1, c1, m2, c2) == pytest.approx(truth, rel=1e-6)


def test_the_same_gaussian_is_at_distance_zero_and_the_distance_is_symmetric():
    (m1, c1), (m2, c2) = gaussian(30, 1), gaussian(30, 2)
    assert 0 <= frechet_distance(m1, c1, m1, c1) < 1e-10
    there, back = frechet_distance(m1, c1, m2, c2), frechet_distance(m2, c2, m1, c1)
    assert there == pytest.approx(back, rel=1e-10)
    x = features(12, 40, 3)
    assert Gaussian.fitted(x).distance(Gaussian.fitted(x.flip(0))) < 1e-10, "the order of samples is nothing"


def test_a_kept_reference_gives_the_same_and_its_root_is_its_root():
    (m1, c1), (m2, c2) = gaussian(25, 1), gaussian(25, 2)
    reference = Gaussian.known(m1, c1)
    torch.testing.assert_close(reference.root @ reference.root.T, c1)
    assert reference.root is reference.root, "computed once"
    assert reference.distance(Gaussian.known(m2, c2)) == frechet_distance(m1, c1, m2, c2)


def test_constant_images_have_no_spread():
    x = torch.full((10, 8), 0.5)
    y = features(30, 8, 1)
    expected = (x[0] - y.mean(0)).square().sum() + torch.cov(y.T).trace()
    for a, b in ((x, y), (y, x)):
        assert Gaussian.fitted(a).distance(Gaussian.fitted(b)) == pytest.approx(expected.item(), rel=1e-6)
    assert frechet_distance(*moments(x.double()), *moments(x.double() + 1)) == pytest.approx(8.0)
    few = torch.full((4, 8), 0.5)
    assert Gaussian.fitted(few).distance(Gaussian.fitted(few + 1)) == pytest.approx(8.0)


def test_what_is_no_gaussian_is_refused():
    mean, cov = gaussian(4, 0)
    with pytest.raises(ValueError, match=r"shapes \(4,\) and \(5, 5\)"):
        frechet_distance(mean, torch.eye(5), mean, cov)
    with pytest.raises(ValueError, match="4 and 5 dimensions"):
        frechet_distance(mean, cov, torch.zeros(5), torch.eye(5))
    with pytest.raises(ValueError, match="NaN or infinity"):
        frechet_distance(mean * float("nan"), cov, mean, cov)
    with pytest.raises(ValueError, match="not symmetric"):
        frechet_distance(mean, cov + torch.ones(4, 4).triu(1), mean, cov)
    with pytest.raises(ValueError, match="eigenvalue -1 beside 1"):
        frechet_distance(mean, torch.diag(torch.tensor([1.0, 1, 1, -1])), mean, cov)


def test_one_small_number_that_has_no_mirror_image_is_enough():
    mean, cov = gaussian(300, 0)
    cov[3, 5] += 1e-4 * cov.diagonal().max()
    with pytest.raises(ValueError, match="not symmetric"):
        frechet_distance(mean, cov, mean, cov)


def test_moments_of_a_stream_are_those_of_one_batch():
    x = features(1000, 16, 1) * 3 + 1e4  # far from 0, where sums of squares would cancel
    whole = Moments().update(x)
    stream, other = Moments(), Moments()
    for part in x[:600].split(7):
        stream.update(part)
    for part in x[600:].split(130):
        other.update(part)
    stream.merge(other)
    assert stream.n == whole.n == 1000
    torch.testing.assert_close(stream.mean, whole.mean, rtol=1e-12, atol=0)
    torch.testing.assert_close(stream.cov, whole.cov, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(whole.cov, torch.from_numpy(np.cov(x.numpy(), rowvar=False)))
    y = features(1000, 16, 1)
    streamed = Moments()
    for part in y.split(64):
        streamed.update(part)
    scale = torch.cov(y.T).abs().max()
    assert (streamed.cov - torch.cov(y.T)).abs().max() / scale < 1e-12
    assert streamed.update(y.float()).mean.dtype == torch.float64
    copied = Moments().merge(streamed)
    copied.update(y)
    assert streamed.n == 2000, "merging copies"


def test_moments_of_too_little_and_of_another_width():
    with pytest.raises(ValueError, match="at least 2 samples; N = 1 were seen"):
        _ = Moments().update(torch.zeros(1, 3)).cov
    with pytest.raises(ValueError, match="N = 0 were seen"):
        _ = Moments().cov
    with pytest.raises(ValueError, match="width 4; those before had 3"):
        Moments().update(torch.zeros(2, 3)).update(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="is empty"):
        Moments().update(torch.zeros(0, 3))
    with pytest.raises(ValueError, match="NaN or infinity in 1 of 2 rows, the first is row 1"):
        Moments().update(torch.tensor([[1.0], [float("nan")]]))
