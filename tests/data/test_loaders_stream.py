import warnings

import pytest
import torch
from datasets import Value
from torch.utils.data import DataLoader

from ldm_tutorial.data import collate, open_images
from ldm_tutorial.data.stream import shuffle


@pytest.fixture
def parquet(tmp_path, picture, write_parquet):
    columns = {"image": [picture(i, 16) for i in range(40)], "label": list(range(40))}
    return write_parquet(tmp_path / "train.parquet", columns, {"label": Value("int64")})


@pytest.fixture
def folder(tmp_path, picture):
    for i in range(10):
        (tmp_path / str(i % 2)).mkdir(exist_ok=True)
        picture(i, 16).save(tmp_path / str(i % 2) / f"{i}.png")
    return tmp_path


def labels(stream):
    return [item["label"] for item in stream]


def test_a_stream_gives_the_items_of_the_set(parquet):
    images, stream = open_images(parquet, size=16), open_images(parquet, size=16, streaming=True)
    for item, streamed in zip(images, stream, strict=True):
        assert streamed["label"] == item["label"] and torch.equal(streamed["image"], item["image"])
    assert labels(stream) == list(range(40)), "a second pass begins anew"


def test_folders_stream_too(folder):
    images, stream = open_images(folder, size=16), open_images(folder, size=16, streaming=True)
    assert torch.equal(
        torch.stack([item["image"] for item in stream]), torch.stack([x["image"] for x in images])
    )


def test_limit_and_flip(parquet):
    items = list(open_images(parquet, size=16, streaming=True, limit=3, flip=True))
    assert [item["label"] for item in items] == [0, 0, 1, 1, 2, 2]
    assert torch.equal(items[3]["image"], items[2]["image"].flip(-1))


def test_the_seed_decides_the_order(parquet):
    stream = open_images(parquet, size=16, streaming=True)
    once, again, other = (labels(stream.shuffled(seed, buffer=16)) for seed in (0, 0, 1))
    assert once == again and once != other and sorted(once) == sorted(other) == list(range(40))
    assert labels(stream) == list(range(40)), "the stream itself stays in order"
    assert labels(stream.shuffled(0, buffer=1)) == list(range(40))
    with pytest.raises(ValueError, match="buffer must be at least 1, got 0"):
        stream.shuffled(0, buffer=0)


def test_a_row_waits_no_longer_than_the_buffer_is_large_before_it_may_come():
    order = list(shuffle(iter(range(1000)), seed=0, buffer=50))
    assert sorted(order) == list(range(1000))
    assert max(row - place for place, row in enumerate(order)) <= 50, "nothing comes before it has been read"


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_share_the_images_out(parquet, workers):
    stream = open_images(parquet, size=16, streaming=True).shuffled(seed=3, buffer=8)
    batches = list(DataLoader(stream, batch_size=4, num_workers=workers, collate_fn=collate))
    assert sorted(torch.cat([batch["label"] for batch in batches]).tolist()) == list(range(40))


def test_a_parquet_stream_without_splits_is_divided_like_the_set(tmp_path, picture, write_parquet):
    columns = {"image": [picture(i, 8) for i in range(60)], "label": list(range(60))}
    file = write_parquet(tmp_path / "cats.parquet", columns, {"label": Value("int64")})
    for split in ("train", "valid", "all"):
        assert labels(open_images(file, split, size=8, streaming=True)) == open_images(
            file, split, size=8
        ).values("label")


def test_bad_images_are_named_once_when_they_come(folder, tmp_path):
    (folder / "0" / "text.png").write_text("hello")
    stream = open_images(folder, size=16, streaming=True)
    with pytest.warns(UserWarning, match=r"skipped so far 1, now .*text.png: not an image"):
        assert len(list(stream)) == 10
    with warnings.catch_warnings(action="error"):
        assert len(list(stream)) == 10, "what was named once is not named again"
    assert len(stream.skipped) == 1


def test_bad_rows_are_named_by_number(tmp_path, picture, write_parquet):
    cells = [{"bytes": b"hello", "path": None}, picture(0)]
    stream = open_images(write_parquet(tmp_path / "train.parquet", {"image": cells}), streaming=True)
    with pytest.warns(UserWarning, match="now row 0: not an image"):
        assert len(list(stream)) == 1


def test_a_stream_without_a_usable_image_says_so(tmp_path):
    (tmp_path / "text.png").write_text("hello")
    with (
        pytest.warns(UserWarning, match="text.png"),
        pytest.raises(ValueError, match=r"has no usable image: 1 skipped \(.*text.png"),
    ):
        list(open_images(tmp_path, streaming=True))
