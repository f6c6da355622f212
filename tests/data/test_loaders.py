import pickle
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Image, List, Value
from PIL import Image as Pillow
from torch.utils.data import DataLoader

from ldm_tutorial.data import bundled, collate, open_images, to_float

PEEPS_FEATURES = {
    "caption": Value("string"),
    "attributes": {"hair": Value("string"), "glasses": Value("string")},
    "mentions": List(Value("string")),
    "map": Image(),
    "seed": Value("int64"),
}


@pytest.fixture
def peeps(tmp_path, picture, write_parquet, monkeypatch):
    """A data folder with six train and four valid pictures in the columns of Peeps."""

    def rows(seeds):
        maps = [
            Pillow.fromarray(np.random.default_rng(s).integers(0, 5, (64, 64), dtype=np.uint8)) for s in seeds
        ]
        for map_ in maps:
            map_.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 0])
        return {
            "image": [picture(seed) for seed in seeds],
            "caption": [f"person number {seed}" for seed in seeds],
            "attributes": [{"hair": "bun", "glasses": "round" if seed % 2 else None} for seed in seeds],
            "mentions": [["hair"]] * len(seeds),
            "map": maps,
            "seed": list(seeds),
        }

    write_parquet(tmp_path / "peeps/train-00000-of-00002.parquet", rows([0, 1, 2]), PEEPS_FEATURES)
    write_parquet(tmp_path / "peeps/train-00001-of-00002.parquet", rows([3, 4, 5]), PEEPS_FEATURES)
    write_parquet(tmp_path / "peeps/valid.parquet", rows([10, 11, 12, 13]), PEEPS_FEATURES)
    monkeypatch.setenv("LDM_DATA", str(tmp_path))
    return tmp_path / "peeps"


def test_an_item_has_everything_the_set_knows(peeps, picture):
    images = open_images("peeps")
    assert len(images) == 6, "the two train files together"
    item = images[3]
    assert set(item) == {"image", "caption", "attributes", "mentions", "map"}
    assert item["image"].dtype == torch.float32 and item["image"].shape == (3, 64, 64)
    original = torch.from_numpy(np.array(picture(3))).permute(2, 0, 1)
    assert torch.equal(item["image"], to_float(original))
    assert item["caption"] == "person number 3" and item["mentions"] == ["hair"]
    assert item["attributes"] == {"hair": "bun", "glasses": "round"}
    assert images[2]["attributes"] == {"hair": "bun"}, "what is null is left out"
    classes = np.random.default_rng(3).integers(0, 5, (64, 64), dtype=np.uint8)
    assert item["map"].dtype == torch.int64 and np.array_equal(item["map"].numpy(), classes), (
        "palette indices"
    )


def test_pixels_agree_with_items_in_any_order(peeps):
    images = open_images("peeps", flip=True)
    indices = [7, 0, 7, 11, -1, 2]
    expected = torch.stack([images[i]["image"] for i in indices])
    pixels = images.pixels(indices)
    assert pixels.dtype == torch.uint8
    assert torch.equal(to_float(pixels), expected)
    assert torch.equal(images.pixels()[indices], pixels)


def test_flip_appends_the_mirror_images(peeps):
    plain, doubled = open_images("peeps"), open_images("peeps", flip=True)
    assert len(doubled) == 12
    for i in range(6):
        assert torch.equal(doubled[i]["image"], plain[i]["image"])
        assert torch.equal(doubled[6 + i]["image"], plain[i]["image"].flip(-1))
        assert torch.equal(doubled[6 + i]["map"], plain[i]["map"].flip(-1)), "the map turns with its image"
    assert doubled.values("caption") == plain.values("caption") * 2


def test_values_reads_any_column_but_images(peeps):
    images = open_images("peeps", "valid")
    assert images.values("seed") == [10, 11, 12, 13]
    assert images.values("attributes")[:2] == [{"hair": "bun"}, {"hair": "bun", "glasses": "round"}]
    with pytest.raises(
        KeyError, match=r"no column 'label' in peeps \(valid\); it has: caption, attributes, mentions, seed"
    ):
        images.values("label")
    with pytest.raises(KeyError, match="no column 'image'"):
        images.values("image")


def test_split_names_have_aliases(peeps):
    assert open_images("peeps", "validation").values("seed") == open_images("peeps", "valid").values("seed")
    assert len(open_images(peeps, "all")) == 10
    with pytest.raises(ValueError, match=r"split 'test' is not in .*peeps; it has: train, valid"):
        open_images("peeps", "test")


def test_limit_size_and_indices(peeps):
    images = open_images("peeps", limit=4, size=32, flip=True)
    assert len(images) == 8 and images[0]["image"].shape == (3, 32, 32) and images[0]["map"].shape == (32, 32)
    assert images.values("seed") == [0, 1, 2, 3] * 2
    assert len(open_images("peeps", limit=100)) == 6
    with pytest.raises(IndexError, match="index 8 is outside a set of 8 images"):
        images[8]
    with pytest.raises(ValueError, match="limit must be None or at least 1, got 0"):
        open_images("peeps", limit=0)


def test_fingerprint_changes_with_what_is_seen_and_with_nothing_else(peeps, tmp_path, monkeypatch):
    choices = [{}, {"split": "valid"}, {"size": 32}, {"crop": 32}, {"flip": True}, {"limit": 3}]
    prints = [open_images("peeps", **choice).fingerprint for choice in choices]
    assert len(set(prints)) == len(choices), "each choice has its own"
    (tmp_path / "moved").mkdir()
    peeps.rename(tmp_path / "moved" / "peeps")
    monkeypatch.setenv("LDM_DATA", str(tmp_path / "moved"))
    assert open_images("peeps").fingerprint == prints[0], "where the files lie does not matter"


def test_fingerprint_changes_with_the_content(tmp_path, picture, write_parquet):
    first = open_images(write_parquet(tmp_path / "a" / "train.parquet", {"image": [picture(0), picture(1)]}))
    other = open_images(write_parquet(tmp_path / "b" / "train.parquet", {"image": [picture(0), picture(2)]}))
    assert first.fingerprint != other.fingerprint


def test_batches_in_worker_processes(peeps):
    images = open_images("peeps", flip=True)
    batches = list(DataLoader(images, batch_size=4, num_workers=1, collate_fn=collate))
    assert [batch["image"].shape[0] for batch in batches] == [4, 4, 4]
    assert torch.equal(torch.cat([batch["image"] for batch in batches]), to_float(images.pixels()))
    assert batches[0]["caption"] == images.values("caption")[:4] and batches[0]["map"].shape == (4, 64, 64)


def test_sets_travel_to_other_processes(peeps):
    images = open_images(peeps)
    copy = pickle.loads(pickle.dumps(images))
    assert copy.fingerprint == images.fingerprint and torch.equal(copy.pixels(), images.pixels())


def test_labels_keep_their_names(tmp_path, picture, write_parquet):
    columns = {"image": [picture(0), picture(1)], "label": [1, 0]}
    file = write_parquet(tmp_path / "cats.parquet", columns, {"label": ClassLabel(names=["cat", "dog"])})
    images = open_images(file)
    assert (
        images.label_names == ["cat", "dog"] and images.values("label") == [1, 0] and images[0]["label"] == 1
    )
    assert collate([images[0], images[1]])["label"].tolist() == [1, 0]


def test_forty_attributes_take_their_names_from_beside_the_file(tmp_path, picture, write_parquet):
    columns = {"image": [picture(i) for i in range(3)], "attributes": [[True, False], None, [False, False]]}
    file = write_parquet(tmp_path / "train.parquet", columns, {"attributes": List(Value("bool"))})
    with pytest.raises(
        ValueError, match="attributes holds 2 values but 0 names are known; put attribute_names.json"
    ):
        open_images(tmp_path).values("attributes")
    (tmp_path / "attribute_names.json").write_text('["Smiling", "Bald"]')
    known = [{"Smiling": True, "Bald": False}, {}, {"Smiling": False, "Bald": False}]
    assert open_images(file).values("attributes") == known
    assert [item["attributes"] for item in open_images(tmp_path)] == known


def test_other_names_for_the_same_columns(tmp_path, picture, write_parquet):
    columns = {"image": [picture(0)], "text": [["first", "second"]], "labels": [4]}
    file = write_parquet(
        tmp_path / "x.parquet", columns, {"text": List(Value("string")), "labels": Value("int64")}
    )
    item = open_images(file)[0]
    assert item["caption"] == "first" and item["label"] == 4


def test_parquet_without_splits_is_divided_by_row(tmp_path, picture, write_parquet):
    columns = {"image": [picture(i, 8) for i in range(200)], "label": list(range(200))}
    file = write_parquet(tmp_path / "cats.parquet", columns, {"label": Value("int64")})
    train, valid, everything = (open_images(file, split, size=8) for split in ("train", "valid", "all"))
    assert len(everything) == 200 and 3 <= len(valid) <= 20
    assert sorted(train.values("label") + valid.values("label")) == everything.values("label")
    assert open_images(file, "valid", size=8).values("label") == valid.values("label"), "always the same rows"
    assert torch.equal(train.pixels(range(5)), everything.pixels(train.values("label")[:5]))


def test_a_file_that_names_its_split_has_no_other(tmp_path, picture, write_parquet):
    file = write_parquet(tmp_path / "valid.parquet", {"image": [picture(0)]})
    assert len(open_images(file, "valid")) == 1
    with pytest.raises(ValueError, match=r"split 'train' is not in .*valid.parquet; it has: valid"):
        open_images(file)


def test_a_file_that_is_no_image_set_says_why(tmp_path, write_parquet):
    (tmp_path / "train.parquet").write_text("hello")
    with pytest.raises(ValueError, match="train.parquet can't be read as an image set: .*[Pp]arquet"):
        open_images(tmp_path / "train.parquet")
    Dataset.from_dict({"name": ["x"]}).to_parquet(str(tmp_path / "names.parquet"))
    with pytest.raises(
        ValueError, match="names.parquet can't be read .* no column 'image' among its columns name"
    ):
        open_images(tmp_path / "names.parquet")


def test_what_is_not_there_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no file or folder nowhere, .*named sets: peeps, celeba64"):
        open_images("nowhere")
    (tmp_path / "note.txt").write_text("hello")
    with pytest.raises(
        ValueError, match=r"note.txt is one file; a folder of images or a .parquet file is accepted"
    ):
        open_images(tmp_path / "note.txt")
    monkeypatch.setenv("LDM_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"bundled data 'peeps' is not in .*LDM_DATA"):
        open_images("peeps")
    assert bundled("note.txt") == Path(tmp_path / "note.txt")


def test_local_files_are_opened_without_network(peeps, monkeypatch):
    def refuse(*_, **__):
        pytest.fail("a local set must not touch the network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert len(open_images("peeps")) == 6
    assert next(iter(open_images(peeps, streaming=True)))["caption"] == "person number 0"


def test_bundled_peeps():
    if not list((Path(__file__).parents[2] / "data" / "peeps").glob("*.parquet")):
        pytest.skip("data/peeps holds no parquet files; `ldm data build peeps` draws them")
    for split, count in (("train", 12_000), ("valid", 2_000), ("holdout", 500)):
        images = open_images("peeps", split)
        assert len(images) == count, f"split {split}"
        item = images[count - 1]
        assert item["image"].shape == (3, 64, 64) and item["map"].shape == (64, 64)
        assert set(item["mentions"]) <= set(item["attributes"]), "only what is there can be mentioned"
    checked = open_images(bundled("peeps"), "holdout")
    assert len(checked) == 500 and not checked.skipped, "every bundled image can be decoded"


def test_celeba_crops_as_they_lie_in_the_development_data(shared_data):
    folder = shared_data("celeba64")
    images = open_images(folder, "valid", limit=500)
    attributes = images.values("attributes")
    assert {len(values) for values in attributes} == {0, 40}, "40 attributes or none"
    assert images[0]["image"].shape == (3, 64, 64) and len(images) == 500
    assert -0.4 < images.pixels().float().div(127.5).sub(1).mean() < 0.2


def test_the_two_sizes_of_celeba_are_the_same_crop(shared_data):
    large = open_images(shared_data("celeba128"), "valid", size=128, limit=20)
    names = [cell["path"] for cell in large.table.dataset[:20]["image"]]
    small = open_images(shared_data("celeba64"), "valid", size=64, check=False)
    places = {cell["path"]: i for i, cell in enumerate(small.table.dataset["image"])}
    ours = open_images("celeba128", "valid", size=64, path=shared_data("celeba128"), limit=20).pixels()
    theirs = small.pixels([places[name] for name in names])
    difference = (ours.float() - theirs.float()).abs().mean()
    assert difference < 4, (
        f"halving the large crop gives the small one but for compression, got {difference:.2f}"
    )


@pytest.mark.parametrize("name", ["scenes64", "houses128"])
def test_labelled_photographs(shared_data, name):
    images = open_images(shared_data(name), "valid", limit=30)
    assert images[0]["image"].shape == (3, 64, 64)
    assert isinstance(images[0]["label"], int) and len(images.values("label")) == 30
