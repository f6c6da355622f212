import numpy as np
import pytest
import torch
from PIL import Image

from ldm_tutorial.data.decode import BadImageError
from ldm_tutorial.data.framing import Framing


def coordinates(width, height):
    """A picture whose red channel is the column and whose green channel is the row."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    return Image.fromarray(np.stack([columns, rows, 0 * rows], -1).astype(np.uint8))


def test_a_picture_of_the_right_size_is_not_touched():
    picture = coordinates(64, 64)
    pixels = Framing(64).pixels(picture)
    assert pixels.dtype == torch.uint8 and pixels.is_contiguous()
    assert np.array_equal(pixels.permute(1, 2, 0).numpy(), np.asarray(picture))


@pytest.mark.parametrize("crop", [None, "center"])
def test_the_centred_square_of_a_wide_picture(crop):
    pixels = Framing(40, crop).pixels(coordinates(100, 40))
    assert pixels[0, 0].tolist() == list(range(30, 70)), "columns 30 to 69 are the middle of 100"


def test_a_crop_in_pixels_and_a_box():
    assert Framing(20, 20).pixels(coordinates(100, 40))[:2, 0, 0].tolist() == [40, 10]
    pixels = Framing(16, (5, 7, 21, 23)).pixels(coordinates(100, 40))
    assert pixels[:2, 0, 0].tolist() == [5, 7] and pixels[:2, -1, -1].tolist() == [20, 22]


def test_the_celeba_box_is_centred_where_the_ddim_paper_has_it():
    pixels = Framing(128, "celeba").pixels(coordinates(178, 218))
    # Rows 57 to 184 and columns 25 to 152: 64 to each side of (89, 121).
    assert pixels[:2, 0, 0].tolist() == [89 - 64, 121 - 64]
    assert pixels[:2, -1, -1].tolist() == [89 + 63, 121 + 63]


def test_halving_celeba_takes_the_mean_of_each_2x2_block():
    noise = np.random.default_rng(0).integers(0, 256, (218, 178, 3), dtype=np.uint8)
    halved = Framing(64, "celeba", "box").pixels(Image.fromarray(noise)).permute(1, 2, 0).numpy()
    means = noise[57:185, 25:153].reshape(64, 2, 64, 2, 3).mean((1, 3))
    # Pillow rounds after the rows and again after the columns.
    assert np.abs(halved - means).max() <= 1, "only rounding may differ"


@pytest.mark.parametrize("name", ["bicubic", "box"])
def test_reduction_is_antialiased(name):
    checkerboard = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    pixels = Framing(32, filter=name).pixels(Image.fromarray(checkerboard).convert("RGB")).float()
    assert (pixels - 127.5).abs().max() < 3, "a checkerboard finer than the grid must become grey, not moire"


def test_what_lies_outside_the_crop_does_not_bleed_in():
    array = np.zeros((64, 64, 3), np.uint8)
    array[:, 32:] = 255
    assert Framing(16, (0, 0, 32, 32)).pixels(Image.fromarray(array)).max() == 0


def test_maps_keep_their_values_when_resized():
    classes = np.random.default_rng(0).choice([0, 3, 7], (64, 64)).astype(np.uint8)
    small = Framing(24).indices(Image.fromarray(classes))
    assert small.dtype == torch.int64 and small.shape == (24, 24)
    assert set(small.unique().tolist()) <= {0, 3, 7}, "no value may be mixed from two classes"


def test_small_pictures_are_enlarged_up_to_four_times():
    assert Framing(64).pixels(coordinates(16, 16)).shape == (3, 64, 64)
    with pytest.raises(BadImageError, match="too small: 15x15 pixels, below a quarter of size 64"):
        Framing(64).pixels(coordinates(15, 15))


def test_a_crop_beyond_the_picture_is_refused():
    with pytest.raises(BadImageError, match="smaller than the crop: 100x40 pixels, crop 50"):
        Framing(50, 50).pixels(coordinates(100, 40))


@pytest.mark.parametrize("crop", ["middle", 0, True, (0, 0, 10, 20), (0, 0, 10), 2.5])
def test_unclear_crops_are_refused(crop):
    with pytest.raises(ValueError, match='crop must be None, "center", a number of pixels, or a square box'):
        Framing(64, crop)


@pytest.mark.parametrize("size", [0, -1, 64.0, "64", None])
def test_unclear_sizes_are_refused(size):
    with pytest.raises(ValueError, match="size must be a number of pixels"):
        Framing(size)
