import json

import pytest
import torch

from ldm_tutorial.data import open_images


@pytest.fixture
def pictures(tmp_path, picture):
    """pictures(name, ...): writes one small picture under each name below tmp_path."""

    def write(*names):
        for seed, name in enumerate(names):
            file = tmp_path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            picture(seed, 16).save(file)
        return tmp_path

    return write


def names_of(images):
    return [cell["path"].rsplit("/", 1)[-1] for cell in images.table.dataset["image"]]


def test_a_folder_with_two_images(pictures):
    images = open_images(pictures("a.png", "b.png"), size=16, flip=True)
    assert len(images) == 4 and set(images[0]) == {"image"}
    assert torch.equal(images[2]["image"], images[0]["image"].flip(-1))
    with pytest.raises(
        ValueError, match="split 'valid' is empty: from 20 images on 1 in 20 is held out, here are 2"
    ):
        open_images(pictures("a.png", "b.png"), "valid", size=16)


def test_natural_order_and_subfolders_without_hidden_files(pictures):
    folder = pictures("2.png", "10.png", "1.png", "sub/deeper/0.png", ".hidden/x.png", "._2.png")
    assert names_of(open_images(folder, size=16)) == ["1.png", "2.png", "10.png", "0.png"]


def test_splits_by_folder(pictures):
    folder = pictures("train/a.png", "train/b.png", "validation/c.png")
    assert names_of(open_images(folder, "train", size=16)) == ["a.png", "b.png"]
    assert names_of(open_images(folder, "valid", size=16)) == ["c.png"]
    assert len(open_images(folder, "all", size=16)) == 3
    with pytest.raises(ValueError, match=r"split 'test' is not in .*; it has: train, valid"):
        open_images(folder, "test", size=16)


def test_without_splits_the_same_files_are_always_held_out(pictures, picture):
    folder = pictures(*(f"{i}.png" for i in range(100)))
    train, valid = (names_of(open_images(folder, split, size=16)) for split in ("train", "valid"))
    assert 1 <= len(valid) <= 12 and not set(train) & set(valid) and len(train) + len(valid) == 100
    picture(0, 16).save(folder / "new.png")
    assert set(names_of(open_images(folder, "valid", size=16))) - {"new.png"} == set(valid), "others stay"
    with pytest.raises(ValueError, match="split 'test' is not there: without splits of its own"):
        open_images(folder, "test", size=16)


def test_subfolders_are_labels_where_every_image_lies_in_one(pictures):
    images = open_images(pictures("dog/1.png", "cat/2.png", "cat/more/3.png"), size=16)
    assert images.label_names == ["cat", "dog"] and images.values("label") == [0, 0, 1]
    images = open_images(pictures("cat2/4.png"), size=16)
    assert images.label_names == ["cat", "cat2", "dog"]
    images = open_images(pictures("0.png"), size=16)
    assert images.label_names is None and "label" not in images[0]


@pytest.mark.parametrize("name", ["captions.csv", "captions.jsonl", "metadata.jsonl", "metadata.csv"])
@pytest.mark.parametrize("column", ["caption", "text"])
def test_captions_in_one_file(pictures, name, column):
    folder = pictures("a.png", "b.png", "sub/c.png")
    texts = {"a.png": 'a "red", round thing', "sub/c.png": "größer"}
    if name.endswith("csv"):
        quoted = [f'{key},"{text.replace(chr(34), chr(34) * 2)}"' for key, text in texts.items()]
        (folder / name).write_text("\n".join([f"file_name,{column}", *quoted]), encoding="utf-8-sig")
    else:
        lines = [json.dumps({"file_name": key, column: text}) for key, text in texts.items()]
        (folder / name).write_text("\n\n".join(lines), encoding="utf-8")
    images = open_images(folder, size=16)
    assert images.values("caption") == ['a "red", round thing', "", "größer"], "no caption is the empty one"
    assert images[2]["caption"] == "größer"


def test_captions_beside_the_images(pictures):
    folder = pictures("a.png", "b.png")
    (folder / "b.txt").write_text("two\nlines \n")
    assert open_images(folder, size=16).values("caption") == ["", "two lines"]


def test_captions_of_split_folders(pictures):
    folder = pictures("train/a.png", "train/b.png", "valid/c.png")
    (folder / "captions.csv").write_text("file_name,caption\ntrain/a.png,from above\nvalid/c.png,other\n")
    (folder / "train" / "captions.csv").write_text("file_name,caption\nb.png,from inside\n")
    assert open_images(folder, "train", size=16).values("caption") == ["from above", "from inside"]
    assert open_images(folder, "valid", size=16).values("caption") == ["other"]
    assert open_images(folder, "all", size=16).values("caption") == ["from above", "from inside", "other"]


def test_a_caption_file_that_names_a_missing_image(pictures):
    folder = pictures("a.png", "b.png")
    (folder / "captions.csv").write_text("file_name,caption\na.png,here\ngone.png,not here\n")
    with pytest.warns(
        UserWarning, match=r"2 images, 1 skipped \(captions.csv line 3: names a missing image, gone.png"
    ):
        images = open_images(folder, size=16)
    assert images.values("caption") == ["here", ""]
    assert images.skipped == ["captions.csv line 3: names a missing image, gone.png"]


def test_lines_that_are_no_records_are_named(pictures):
    folder = pictures("a.png")
    (folder / "captions.jsonl").write_text('{"file_name": "a.png", "caption": "fine"}\n{"file_na\n[1]\n')
    with pytest.warns(
        UserWarning, match=r"2 skipped \(captions.jsonl line 2: not JSON .*; .*line 3: not an object"
    ):
        assert open_images(folder, size=16).values("caption") == ["fine"]


def test_a_caption_file_with_other_columns_is_refused(pictures):
    folder = pictures("a.png")
    (folder / "captions.csv").write_text("name;words\na.png;hello\n")
    with pytest.raises(
        ValueError, match=r"captions.csv line 2 has name;words; each line needs file_name and caption"
    ):
        open_images(folder, size=16)


def test_fingerprint_follows_content_and_captions(pictures, picture, tmp_path):
    folder = pictures("a.png", "b.png")
    first = open_images(folder, size=16).fingerprint
    assert open_images(folder, size=16).fingerprint == first
    (folder / "a.txt").write_text("a caption")
    captioned = open_images(folder, size=16).fingerprint
    picture(9, 16).save(folder / "b.png")
    changed = open_images(folder, size=16).fingerprint
    assert len({first, captioned, changed}) == 3
