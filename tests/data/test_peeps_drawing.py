import numpy as np
import pytest
from PIL import Image, ImageColor, ImageFilter

from ldm_tutorial.data.peeps import CLOTHING, HAIR, INK, MAP_CLASSES, SKIN, draw
from ldm_tutorial.data.peeps_attributes import BACKGROUND, choose
from ldm_tutorial.data.peeps_attributes import CLOTHING as CLOTHING_COLOURS
from ldm_tutorial.data.peeps_attributes import SKIN as SKIN_COLOURS

for package in ("dicebear", "dicebear_styles", "resvg_py"):
    pytest.importorskip(package, reason="drawing needs dicebear-core, dicebear-styles and resvg-py")


def inside(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask whose neighbours all belong to it: no antialiased edges."""
    return np.asarray(Image.fromarray(mask).convert("L").filter(ImageFilter.MinFilter(3))) > 0


@pytest.fixture(scope="module")
def peeps():
    return [draw(seed, 64) for seed in range(24)]


def test_a_seed_decides_the_picture(peeps):
    again = draw(3, 64)
    assert np.array_equal(again.image, peeps[3].image) and np.array_equal(
        again.semantic_map, peeps[3].semantic_map
    )
    assert (again.caption, again.attributes, again.mentions) == (
        peeps[3].caption,
        peeps[3].attributes,
        peeps[3].mentions,
    )
    assert len({peep.image.tobytes() for peep in peeps}) == len(peeps), "different seeds, different pictures"


@pytest.mark.parametrize("size", [16, 50, 100, 256])
def test_any_size(size, peeps):
    peep = draw(5, size)
    assert peep.image.shape == (size, size, 3) and peep.image.dtype == np.uint8
    assert peep.semantic_map.shape == (size, size) and peep.semantic_map.dtype == np.uint8
    assert (peep.caption, peep.attributes) == (peeps[5].caption, peeps[5].attributes), "only the size differs"


def test_large_and_small_pictures_show_the_same():
    large = Image.fromarray(draw(5, 256).image).resize((64, 64), Image.Resampling.BOX)
    difference = np.abs(np.asarray(large, float) - draw(5, 64).image)
    assert difference.mean() < 3, f"mean difference {difference.mean():.2f} of 255"


def test_bad_arguments():
    with pytest.raises(ValueError, match="seed is -1; a Peep needs a seed of 0 or more"):
        draw(-1)
    with pytest.raises(ValueError, match="size is 4; a Peep needs at least 16 pixels"):
        draw(0, 4)


def test_colours_are_those_that_the_attributes_name(peeps):
    for peep in peeps:
        for number, table, kind in ((0, BACKGROUND, "background"), (CLOTHING, CLOTHING_COLOURS, "clothing")):
            if peep.attributes[kind] == "hidden":
                continue
            region = peep.image[inside(peep.semantic_map == number)]
            wanted = ImageColor.getrgb(table[peep.attributes[kind]])
            share = (np.abs(region.astype(int) - wanted).max(axis=-1) <= 2).mean()
            assert share > 0.98, f"{kind} {peep.attributes[kind]}: {share:.0%} of its pixels have the colour"
        region = peep.image[inside(peep.semantic_map == SKIN)]
        share = (
            np.abs(region.astype(int) - ImageColor.getrgb(SKIN_COLOURS[peep.attributes["skin"]])).max(-1) <= 2
        )
        assert share.mean() > 0.9, f"skin {peep.attributes['skin']}: {share.mean():.0%}"


def test_map_and_image_have_one_silhouette(peeps):
    for peep in peeps:
        background = ImageColor.getrgb(BACKGROUND[peep.attributes["background"]])
        foreground = np.abs(peep.image.astype(int) - background).max(axis=-1) > 128
        covered = peep.semantic_map > 0
        # What the image shows to be the Peep, the map has too, but for pixels at the edge.
        assert (foreground & ~covered).sum() <= 0.03 * covered.sum(), "the map misses a part of the Peep"
        assert inside(~covered)[foreground].sum() == 0, (
            "a part of the Peep lies far inside the map's background"
        )


def test_map_tells_parts_apart(peeps):
    for peep in peeps:
        assert set(np.unique(peep.semantic_map)) <= set(range(len(MAP_CLASSES)))
        areas = np.bincount(peep.semantic_map.ravel(), minlength=len(MAP_CLASSES)) / peep.semantic_map.size
        assert areas[SKIN] > 0.03 and areas[CLOTHING] > 0.004 and areas[INK] > 0.02, areas
        if (
            peep.attributes["hair"] in ("bald head", "bear ears")
            and peep.attributes["facial_hair"] != "beard"
        ):
            assert areas[HAIR] < 0.08, "no hair on a bald head"
        if peep.attributes["hair"] in ("afro", "turban", "hijab", "long hair"):
            assert areas[HAIR] > 0.1, f"{peep.attributes['hair']} covers {areas[HAIR]:.0%}"


def test_choosing_does_not_depend_on_what_was_drawn_before():
    assert choose(9) == choose(9) and choose(9) != choose(10)
