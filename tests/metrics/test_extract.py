"""Features of many images: computed once, kept by content, never kept where they are NaN."""

import pytest
import torch
from means import Means, pictures

from ldm_tutorial.data import to_float
from ldm_tutorial.metrics import Features, compare, extract


def test_features_are_kept_by_content(cache):
    network, images = Means(), pictures(25)
    first = extract(network, images, progress=False)["pooled"]
    again = extract(network, images.clone(), progress=False)["pooled"]
    assert network.asked == 25 and torch.equal(first, again)
    extract(network, to_float(images), progress=False)
    assert network.asked == 25, "floats that round to the same pixels are the same images"
    changed = images.clone()
    changed[3, 0, 0, 0] += 1
    extract(network, changed, progress=False)
    assert network.asked == 50, "one pixel makes another content"
    extract(network, images, ("pooled", "spatial"), progress=False)
    assert network.asked == 75, "another part is computed"
    network.fingerprint = "other"
    extract(network, images, progress=False)
    assert network.asked == 100, "other weights, other features"


def test_a_damaged_file_is_computed_again_and_a_read_only_disk_does_not_matter(cache, monkeypatch):
    network, images = Means(), pictures(5)
    first = extract(network, images, progress=False)["pooled"]
    (file,) = cache.iterdir()
    file.write_bytes(b"half")
    assert torch.equal(extract(network, images, progress=False)["pooled"], first) and network.asked == 10
    blocked = cache / "file"
    blocked.write_text("")
    assert torch.equal(extract(network, images, folder=blocked / "x", progress=False)["pooled"], first)


def test_progress_is_shown(capsys):
    extract(Means(), pictures(5))
    assert "5/5" in capsys.readouterr().err


def test_a_network_without_logits_is_named():
    class Plain(Means):
        fingerprint = "plain"

        def __call__(self, images):
            return Features(super().__call__(images).pooled)

    with pytest.raises(ValueError, match="means has no spatial features"):
        compare(pictures(9), pictures(9), Plain(), everything=True, progress=False)


def test_nan_is_not_kept(cache):
    class Broken(Means):
        def __call__(self, images):
            return Features(super().__call__(images).pooled * torch.nan)

    a, b = pictures(20), pictures(20, 1)
    with pytest.raises(ValueError, match="samples holds NaN or infinity in 20 of 20 rows"):
        compare(a, b, Broken(), progress=False)
    values = compare(a, b, Means(), progress=False).values
    assert values["FD-means"] > 0, "the same weights, working again, must not be given what was broken"


def test_what_cannot_be_extracted():
    with pytest.raises(ValueError, match="images is empty"):
        extract(Means(), pictures(5)[:0])
    with pytest.raises(ValueError, match="batch_size is 0"):
        extract(Means(), pictures(5), batch_size=0)


def test_content_of_half_precision(cache):
    images = to_float(pictures(12)).bfloat16()
    assert len(extract(Means(), images, progress=False)["pooled"]) == 12
    assert len(compare(images, images, Means(), progress=False).samples) == 16
