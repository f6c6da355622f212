"""Named sets: the hub's (by files with the same columns and splits), CelebA's and LSUN's original layouts."""

import builtins
import pickle

import datasets
import numpy as np
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Image, Value
from PIL import Image as Pillow
from torch.utils.data import DataLoader

from ldm_tutorial.data import collate, open_images
from ldm_tutorial.data.hub import HUB_SETS

HUB_SPLITS = {  # What the hub has, by the table in PAPER.md.
    "celebahq256": ({"train", "validation"}, True),
    "celebahq1024": ({"train", "validation"}, True),
    "ffhq256": ({"train"}, False),
    "ffhq64": ({"train"}, False),
    "lsun-bedrooms": ({"train", "test"}, False),
    "lsun-churches": ({"train", "test"}, True),
}


@pytest.fixture
def hub(monkeypatch, picture):
    """A hub that holds 60 pictures in each split of each set, and notes what is asked for."""
    asked = []

    def load(name, split, streaming=False):
        source = next(source for source, hub in HUB_SETS.items() if hub.name == name)
        splits, labelled = HUB_SPLITS[source]
        assert split in splits, f"{name} has no split {split}"
        asked.append((name, split))
        seeds = range(60) if split == "train" else range(100, 160)
        columns, features = {"image": [picture(seed, 16) for seed in seeds]}, {"image": Image()}
        if labelled:
            columns["label"] = [seed % 2 for seed in seeds]
            features["label"] = ClassLabel(names=["female", "male"])
        dataset = Dataset.from_dict(columns, features=Features(features))
        return dataset.to_iterable_dataset() if streaming else dataset

    monkeypatch.setattr("ldm_tutorial.data.hub.load_dataset", load)
    return asked


@pytest.mark.parametrize("source", HUB_SPLITS)
@pytest.mark.parametrize("streaming", [False, True])
def test_hub_sets_by_name(hub, source, streaming):
    train = list(open_images(source, "train", size=16, streaming=streaming))
    valid = list(open_images(source, "valid", size=16, streaming=streaming))
    assert all(item["image"].shape == (3, 16, 16) for item in train + valid)
    assert ("label" in train[0]) == HUB_SPLITS[source][1]
    if HUB_SPLITS[source][0] == {"train"}:
        assert len(train) + len(valid) == 60 and valid, "what has no valid split is divided"
    else:
        assert len(train) == len(valid) == 60
    assert {name for name, _ in hub} == {HUB_SETS[source].name}


def test_the_size_of_a_named_set_is_its_own(hub):
    with pytest.raises(
        ValueError, match=r"celebahq1024 .*no usable image: found 60 too small \(row 0: .* of size 1024"
    ):
        open_images("celebahq1024")


def test_split_names_that_a_hub_set_lacks(hub):
    with pytest.raises(ValueError, match="split 'test' is not in celebahq256; it has: train, valid"):
        open_images("celebahq256", "test", size=16)
    assert len(open_images("lsun-bedrooms", "test", size=16)) == 60


def test_any_hub_set_by_its_full_name(monkeypatch, picture):
    def load(name, split, streaming):
        assert (name, split, streaming) == ("someone/cats", "validation", False)
        return Dataset.from_dict({"image": [picture(0)]}, features=Features({"image": Image()}))

    monkeypatch.setattr("ldm_tutorial.data.hub.load_dataset", load)
    assert len(open_images("hub:someone/cats", "valid")) == 1


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Couldn't reach 'x' on the Hub (LocalEntryNotFoundError)\nmore"),
        datasets.exceptions.DatasetNotFoundError(
            "Dataset 'x' doesn't exist on the Hub or cannot be accessed."
        ),
        OSError(),
        RuntimeError("Cannot send a request, as the client has been closed."),
    ],
)
def test_without_network_one_sentence_says_what_to_do(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("ldm_tutorial.data.hub.load_dataset", fail)
    with pytest.raises(ConnectionError) as caught:
        open_images("celebahq256")
    message = str(caught.value)
    assert message.startswith("celebahq256 can't be loaded from the hub as korexyz/celeba-hq-256x256 (")
    assert "open_images('celebahq256', path=" in message and "'peeps'" in message and "\n" not in message


def test_a_real_failure_of_the_network_gives_that_sentence(monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ConnectionError, match="ffhq256 can't be loaded from the hub as merkol/ffhq-256"):
        open_images("ffhq256")


def test_a_local_copy_stands_in_for_the_hub(tmp_path, picture, write_parquet, monkeypatch):
    monkeypatch.setattr("ldm_tutorial.data.hub.load_dataset", lambda *_, **__: pytest.fail("asked the hub"))
    for split, count in (("train-00000-of-00001", 3), ("test-00000-of-00001", 2)):
        images = [picture(i, 280) for i in range(count)]
        write_parquet(tmp_path / "data" / f"{split}.parquet", {"image": images})
    assert len(open_images("lsun-bedrooms", path=tmp_path)) == 3
    assert len(open_images("lsun-bedrooms", "valid", path=tmp_path)) == 2, (
        "the hub's test split is ours to validate"
    )
    assert open_images("lsun-bedrooms", path=tmp_path)[0]["image"].shape == (3, 256, 256)
    with pytest.raises(ValueError, match="path is for a copy of a named set"):
        open_images(tmp_path, path=tmp_path)


# ---- CelebA as its authors give it out


@pytest.fixture
def celeba(tmp_path, picture):
    """Three pictures of each official split, with attributes for all but one."""
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    numbers = [1, 2, 3, 162771, 162772, 162773, 182638, 182639, 182640]
    for number in numbers:
        picture(number, (178, 218)).save(folder / "img_align_celeba" / f"{number:06d}.jpg", quality=95)
    rows = [f"{number:06d}.jpg  1 -1  {'1' if number % 2 else '-1'}" for number in numbers if number != 2]
    (folder / "list_attr_celeba.txt").write_text("\n".join([f"{len(rows)}", "Smiling Bald Odd", *rows]))
    return folder


def test_celeba_by_name_is_the_ddim_crop_with_attributes(celeba):
    images = open_images("celeba64", path=celeba)
    assert len(images) == 3 and images[0]["image"].shape == (3, 64, 64)
    assert images.values("attributes")[:2] == [{"Smiling": True, "Bald": False, "Odd": True}, {}]
    picture = Pillow.open(celeba / "img_align_celeba" / "000001.jpg").crop((25, 57, 153, 185))
    halved = np.asarray(picture).reshape(64, 2, 64, 2, 3).mean((1, 3))
    assert np.abs(images.pixels([0])[0].permute(1, 2, 0).numpy() - halved).max() <= 1
    large = open_images("celeba128", path=celeba)
    assert np.array_equal(large.pixels([0])[0].permute(1, 2, 0).numpy(), np.asarray(picture))


def test_celeba_has_its_official_splits(celeba):
    assert open_images("celeba64", "valid", path=celeba).values("attributes")[0]["Odd"] is True
    assert len(open_images(celeba, "test")) == 3, "the folder alone is recognised too"
    assert open_images(celeba, "test").framing == open_images("celeba64", "test", path=celeba).framing
    assert open_images(celeba, crop="center").framing.crop == "center", "another crop may be asked for"
    with pytest.raises(ValueError, match="split 'holdout' is not in CelebA; it has: train, valid, test"):
        open_images("celeba64", "holdout", path=celeba)


def test_celeba_attributes_as_csv(celeba):
    lines = (celeba / "list_attr_celeba.txt").read_text().splitlines()
    (celeba / "list_attr_celeba.txt").unlink()
    plain = open_images(celeba)
    assert "attributes" not in plain[0], "without the list the attributes are not known"
    csv = ["image_id,Smiling,Bald,Odd", *(",".join(line.split()) for line in lines[2:])]
    (celeba / "list_attr_celeba.csv").write_text("\n".join(csv))
    listed = open_images(celeba)
    assert listed.values("attributes")[0] == {"Smiling": True, "Bald": False, "Odd": True}
    assert listed.fingerprint != plain.fingerprint


def test_an_uneven_list_of_attributes_is_named(celeba):
    (celeba / "list_attr_celeba.txt").write_text("1\nSmiling Bald\n000001.jpg 1\n")
    with pytest.raises(
        ValueError, match=r"list_attr_celeba.txt: picture 000001 has 1 values for 2 attributes"
    ):
        open_images(celeba)


def test_celeba_is_found_beside_the_checkout(shared_data):
    shared_data("celeba64")
    assert open_images("celeba64", "valid", limit=3)[0]["image"].shape == (3, 64, 64)


def test_where_celeba_is_looked_for(celeba, monkeypatch):
    monkeypatch.setenv("LDM_CELEBA", str(celeba))
    assert len(open_images("celeba64")) == 3
    monkeypatch.delenv("LDM_CELEBA")
    monkeypatch.setattr("ldm_tutorial.data.sources.find_celeba", lambda _: None)
    with pytest.raises(
        FileNotFoundError, match=r"celeba64 is not on this disk, .* open_images\('celeba64', path="
    ):
        open_images("celeba64")


# ---- LSUN's LMDB


@pytest.fixture
def lsun(tmp_path, picture, encoded):
    """bedroom_train_lmdb and bedroom_val_lmdb as LSUN gives them out: 256 on the short side, WebP values."""
    lmdb = pytest.importorskip("lmdb")
    for split, seeds in (("train", range(5)), ("val", range(10, 12))):
        values = {f"{seed:040x}": encoded(picture(seed, (341, 256)), "WEBP", quality=75) for seed in seeds}
        if split == "val":
            values["f" * 40] = b"hello"
        environment = lmdb.open(str(tmp_path / f"bedroom_{split}_lmdb"), map_size=2**24)
        with environment, environment.begin(write=True) as transaction:
            for key, value in values.items():
                transaction.put(key.encode(), value)
    return tmp_path


def test_lsun_as_it_is_given_out(lsun, picture):
    images = open_images("lsun-bedrooms", path=lsun)
    assert len(images) == 5 and images[0]["image"].shape == (3, 256, 256)
    middle = np.asarray(picture(2, (341, 256)).crop((42, 0, 298, 256))).astype(float)
    assert np.abs(images.pixels([2])[0].permute(1, 2, 0).numpy() - middle).mean() < 4, "the centred square"
    with pytest.warns(UserWarning, match=r"2 images, 1 skipped \(row 2, key ffff.*: not an image"):
        assert len(open_images(lsun / "bedroom_val_lmdb", "valid")) == 2
    with pytest.raises(ValueError, match=r"split 'test' is not in .*; it has: train, valid"):
        open_images(lsun, "test")


def test_lsun_in_worker_processes_and_streams(lsun):
    images = open_images(lsun, size=64)
    expected = torch.stack([item["image"] for item in images])
    for source in (images, open_images(lsun, size=64, streaming=True)):
        batches = list(DataLoader(source, batch_size=5, num_workers=1, collate_fn=collate))
        assert torch.equal(batches[0]["image"], expected)
    assert torch.equal(pickle.loads(pickle.dumps(images))[0]["image"], expected[0])


def test_lsun_without_the_package_says_what_to_install(lsun, monkeypatch):
    original = builtins.__import__

    def without_lmdb(name, *rest, **options):
        if name == "lmdb":
            raise ImportError("No module named 'lmdb'")
        return original(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without_lmdb)
    with pytest.raises(ImportError, match="LMDB files are read with the package lmdb: pip install lmdb"):
        open_images(lsun)


def test_an_empty_lmdb(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    lmdb.open(str(tmp_path / "church_train_lmdb"), map_size=2**20).close()
    with pytest.raises(ValueError, match="church_train_lmdb holds no images: its LMDB is empty"):
        open_images(tmp_path)


def test_parquet_with_unneeded_columns(tmp_path, picture, write_parquet):
    file = write_parquet(
        tmp_path / "train.parquet", {"image": [picture(0)], "x": [1.5]}, {"x": Value("float32")}
    )
    images = open_images(file)
    assert set(images[0]) == {"image"} and images.values("x") == [1.5]
