"""The tables about first stages that `make bench` writes."""

import sys
from pathlib import Path

import pytest
import torch
from tiny import KL

from ldm_tutorial.data import open_images
from ldm_tutorial.first_stage import KLAutoencoder, VQAutoencoder, VQConfig

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    return pytest.importorskip("benchmarks")


def test_a_row_of_the_nearest_code(benchmarks):
    from benchmarks import nearest_code

    row = nearest_code.row(4, 300, rounds=3)
    assert len(row) == len(nearest_code.HEADER) and row[:2] == ["4", "300"]
    assert nearest_code.CODES[0] == 256 and nearest_code.CODES[-1] == 16384


def test_the_usual_formula_finds_the_same_codes(benchmarks):
    from benchmarks import nearest_code

    generator = torch.Generator().manual_seed(0)
    z, codebook = torch.randn(50, 3, generator=generator), torch.randn(20, 3, generator=generator)
    assert torch.equal(nearest_code.usual(z, codebook), nearest_code.cdist(z, codebook))


def test_rows_of_rate_and_distortion(benchmarks):
    from benchmarks import rate_distortion

    images = open_images("peeps", "valid", limit=3)
    kl = KLAutoencoder(KL).eval()
    row = rate_distortion.row("peeps-kl-f2", kl, images)
    assert len(row) == len(rate_distortion.HEADER)
    assert row[:4] == ["peeps-kl-f2", "2", "32x32x4", "4096"] and row[-2:] == ["", ""]
    vq = VQAutoencoder(VQConfig(**vars(KL), codes=16)).eval()
    row = rate_distortion.row("peeps-vq-f2", vq, images)
    assert row[3] == "1024 codes of 16" and row[-2].endswith("%") and 1 <= float(row[-1]) <= 16
    assert rate_distortion.images_of("peeps-kl-f4")[0]["image"].shape == (3, 64, 64)
