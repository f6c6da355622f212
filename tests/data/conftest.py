"""Pictures made on the spot, and caches that end with the test."""

import io
from pathlib import Path

import datasets
import numpy as np
import pytest
from PIL import Image

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(autouse=True)
def own_caches(tmp_path_factory, monkeypatch):
    for name in ("LDM_DATA", "LDM_CELEBA"):
        monkeypatch.delenv(name, raising=False)
    caches = tmp_path_factory.mktemp("caches")
    monkeypatch.setenv("LDM_CACHE", str(caches / "ldm"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", caches / "datasets")
    return caches


@pytest.fixture
def picture():
    """picture(seed, size): a smooth colourful RGB picture; size is a side, or (width, height)."""

    def make(seed=0, size=64):
        width, height = (size, size) if isinstance(size, int) else size
        rough = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        return Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC)

    return make


@pytest.fixture
def encoded():
    """encoded(picture, kind): the bytes of an image file."""

    def encode(picture, kind="PNG", **options):
        file = io.BytesIO()
        picture.save(file, kind, **options)
        return file.getvalue()

    return encode


@pytest.fixture
def write_parquet():
    """write_parquet(path, columns, features): a parquet file in the column layout of `datasets`."""

    def write(path, columns, features=None):
        path.parent.mkdir(parents=True, exist_ok=True)
        features = datasets.Features({"image": datasets.Image(), **(features or {})})
        datasets.Dataset.from_dict(columns, features=features).to_parquet(str(path))
        return path

    return write


@pytest.fixture
def shared_data():
    """shared_data(name): a folder of the development images; skips where it is absent."""

    def find(name):
        if not (SHARED / name).is_dir():
            pytest.skip(f"needs the development images in {SHARED / name}")
        return SHARED / name

    return find
