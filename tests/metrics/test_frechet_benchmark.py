"""The table about the Frechet distance that `make bench` writes."""

import sys
from pathlib import Path

import pytest

from ldm_tutorial.metrics import Gaussian


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(Path(__file__).parents[2]), *sys.path])
    return pytest.importorskip("benchmarks.frechet")


def test_rows_of_the_distance(benchmark):
    rows = benchmark.distance_rows(2, d=24, full=80, few=10)
    assert all(len(row) == len(benchmark.HEADER) for row in rows)
    assert [row[0] for row in rows][-1] == "singular values, N = 10" and len(rows) == 5


def test_all_ways_give_the_same_distance(benchmark):
    a, b = benchmark.features(80, 24, 1), benchmark.features(80, 24, 2)
    ours = Gaussian.fitted(a).distance(Gaussian.fitted(b))
    for way in (benchmark.by_sqrtm, benchmark.by_eigenvalues):
        assert way(*benchmark.moments(a), *benchmark.moments(b)) == pytest.approx(ours, rel=1e-6)


@pytest.mark.filterwarnings("ignore::ldm_tutorial.metrics.FewSamplesWarning")
def test_a_whole_evaluation(benchmark, monkeypatch):
    monkeypatch.setenv("LDM_CACHE", "must not be used")
    row = benchmark.evaluation_row(8)
    assert len(row) == len(benchmark.HEADER) and "8 against 8 images" in row[0] and row[1].endswith(" s")
    assert not Path("must not be used").exists()


def test_a_row_of_rates(benchmark):
    row = benchmark.rates("x", lambda images: images + 1, lambda images: images + 2, "theirs", 2, 4)
    assert len(row) == len(benchmark.HEADER) and row[2].startswith("theirs: ")
