"""The bundled files: sizes, splits, held-out combinations, and that `build` would write them again."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from PIL import Image

from ldm_tutorial.data.bundled import bundled
from ldm_tutorial.data.peeps_attributes import HOLDOUT, choose, held_out
from ldm_tutorial.data.peeps_build import SPLITS, build, row, seeds
from ldm_tutorial.data.peeps_captions import caption
from ldm_tutorial.data.peeps_card import tables

MB = 1_000_000


@pytest.fixture(scope="module")
def folder() -> Path:
    return bundled("peeps")


def columns(folder: Path, split: str, *names: str) -> dict[str, list]:
    tables = [pq.read_table(path, columns=list(names)) for path in sorted(folder.glob(f"{split}*.parquet"))]
    return {name: [value for table in tables for value in table[name].to_pylist()] for name in names}


def test_sizes(folder):
    sizes = [path.stat().st_size for path in folder.glob("*.parquet")]
    assert max(sizes) <= 15 * MB and sum(sizes) <= 30 * MB, [f"{size / MB:.1f} MB" for size in sizes]


@pytest.mark.parametrize("split", SPLITS)
def test_splits_hold_the_seeds_they_should_and_the_words_belong_to_them(folder, split):
    stored = columns(folder, split, "seed", "attributes", "caption", "mentions")
    assert len(stored["seed"]) == SPLITS[split].rows == len(set(stored["seed"]))
    source = seeds(SPLITS[split])
    assert stored["seed"][:200] == [next(source) for _ in range(200)]
    assert {held_out(attributes) for attributes in stored["attributes"]} == {SPLITS[split].held_out}
    for i in range(0, len(stored["seed"]), 20):
        attributes = choose(stored["seed"][i])[1]
        assert stored["attributes"][i] == attributes
        assert (stored["caption"][i], tuple(stored["mentions"][i])) == caption(attributes, stored["seed"][i])


def test_every_held_out_combination_is_in_holdout(folder):
    attributes = columns(folder, "holdout", "attributes")["attributes"]
    for wanted in HOLDOUT:
        assert sum(wanted.items() <= row.items() for row in attributes) >= 10, wanted


def test_datasets_decodes_the_pictures(folder, tmp_path):
    peeps = load_dataset(
        "parquet", data_files=str(folder / "holdout.parquet"), split="train", cache_dir=tmp_path
    )
    first = peeps[0]
    assert first["image"].size == (64, 64) and first["image"].mode == "RGB"
    semantic_map = np.array(first["map"])
    assert semantic_map.shape == (64, 64) and semantic_map.max() <= 4, "the map decodes to class numbers"


@pytest.mark.parametrize("split", SPLITS)
def test_the_files_are_what_would_be_drawn(folder, split):
    for package in ("dicebear", "dicebear_styles", "resvg_py"):
        pytest.importorskip(package, reason="drawing needs dicebear-core, dicebear-styles and resvg-py")
    path = sorted(folder.glob(f"{split}*.parquet"))[-1]
    table = pq.read_table(path)
    for i in np.linspace(0, len(table) - 1, 5).astype(int):
        stored = table.slice(int(i), 1).to_pylist()[0]
        drawn = row(stored["seed"])
        for name in ("image", "map"):  # pixels, so that another version of an encoder makes no difference
            pictures = [np.asarray(Image.open(io.BytesIO(r[name]["bytes"]))) for r in (stored, drawn)]
            assert np.array_equal(*pictures), f"{name} of seed {stored['seed']} is drawn differently now"
        assert {k: v for k, v in stored.items() if k not in ("image", "map")} == {
            k: v for k, v in drawn.items() if k not in ("image", "map")
        }


def test_building_twice_gives_the_same_bytes(tmp_path):
    for package in ("dicebear", "dicebear_styles", "resvg_py"):
        pytest.importorskip(package, reason="drawing needs dicebear-core, dicebear-styles and resvg-py")
    first = build(tmp_path / "a", size=16, rows=4, workers=1)
    second = build(tmp_path / "b", size=16, rows=4, workers=1)
    assert [path.name for path in first] == [path.name for path in second]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert not list(tmp_path.rglob("*.part"))


def test_the_card_holds_the_numbers_of_the_files(folder):
    card = (folder / "README.md").read_text()
    assert tables(folder) in card, "run python -m ldm_tutorial.data.peeps_card data/peeps for the numbers"
    assert "Pablo Stanley" in card and "CC0" in card
