"""The semantic maps of a whole set at once."""

import pytest
import torch
from PIL import Image

from ldm_tutorial.data import open_images


def test_maps_are_those_of_the_items():
    images = open_images("peeps", "valid", flip=True, limit=3)
    maps = images.maps()
    assert maps.shape == (6, 64, 64) and maps.dtype == torch.uint8
    assert all(torch.equal(maps[i].long(), images[i]["map"]) for i in range(6))


def test_a_set_without_maps_says_so(tmp_path):
    for number in range(3):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{number}.png")
    with pytest.raises(KeyError, match="no column 'map' in"):
        open_images(str(tmp_path), "all", size=8).maps()
