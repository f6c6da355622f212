"""Pictures, curves and sliders."""

import io

import pytest
import torch
from PIL import Image

from ldm_tutorial.classroom import COLOURS, Live, Picture, bars, curves, explore, grid, maps, rows, strip
from ldm_tutorial.classroom.widgets import slider, stacked


@pytest.fixture
def images():
    return torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1


def pixels(picture):
    return Image.open(io.BytesIO(picture.png)).convert("RGB")


def test_a_picture_is_a_png_with_words(images):
    picture = grid(images, captions=list("abcdef"), columns=3, title="Six squares of noise")
    bundle = picture._repr_mimebundle_()
    assert bundle["image/png"].startswith(b"\x89PNG")
    assert bundle["text/plain"] == "Six squares of noise", "readers who cannot see the picture read its title"


def test_the_same_figure_gives_the_same_bytes(images):
    assert grid(images).png == grid(images).png, "an unchanged notebook must stay unchanged in git"


def test_a_grid_shows_the_images_it_was_given():
    red, blue = torch.full((3, 8, 8), -1.0), torch.full((3, 8, 8), -1.0)
    red[0], blue[2] = 1.0, 1.0
    page = pixels(grid([red, blue], columns=2))
    seen = {page.getpixel((x, page.height // 2)) for x in range(page.width)}
    assert (255, 0, 0) in seen and (0, 0, 255) in seen


def test_bytes_and_floats_look_the_same(images):
    quantised = ((images + 1) * 127.5).round().to(torch.uint8)
    assert grid(images).png == grid(quantised).png


def test_captions_need_room(images):
    plain, told = pixels(grid(images)), pixels(grid(images, captions=["a caption of quite a few words"] * 6))
    assert told.height > plain.height + 20


def test_rows_compare_image_by_image(images):
    picture = rows({"original": images[:3], "reconstruction": images[3:]}, title="Before and after")
    assert pixels(picture).height > 250
    with pytest.raises(ValueError, match="same number of images in every row"):
        rows({"a": images, "b": images[:2]})


def test_a_row_may_have_empty_places(images):
    full, part = (rows({"a": images[:3], "b": line}) for line in (images[:3], [*images[:2], None]))
    assert pixels(part).size == pixels(full).size
    assert part.png != full.png
    with pytest.raises(ValueError, match="the list is empty"):
        rows({"a": [None, None]})


def test_a_strip_is_one_row(images):
    page = pixels(strip(images, labels=[f"t = {t}" for t in range(6)]))
    assert page.width > 4 * page.height


def test_images_stand_beside_their_maps(images):
    alone, beside = (pixels(maps(torch.zeros(2, 4, 8, 8), beside=x)) for x in (None, images[:2]))
    assert beside.width > 1.2 * alone.width and beside.height == alone.height


def test_maps_paint_zero_white_and_signs_apart():
    z = torch.tensor([-5.0, 0.0, 5.0]).view(3, 1, 1).expand(3, 4, 4)
    page = pixels(maps(z))
    seen = [page.getpixel((int(page.width * x), page.height // 3)) for x in (0.16, 0.5, 0.84)]
    assert seen[1] == (255, 255, 255)
    assert seen[0][2] > seen[0][0] and seen[2][0] > seen[2][2], "blue below zero, orange above"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda _: grid([]), "there is no image to draw"),
        (lambda x: grid(x[:, :1]), r"shape \(3, H, W\), but got \(1, 16, 16\)"),
        (lambda x: grid(x, captions=["one"]), "captions has 1 entries for 6 images"),
        (lambda x: maps(x[0, 0]), r"needs latents \(c, h, w\)"),
        (
            lambda x: explore(lambda v: grid(x[:v]), [1, 2], "v", start=3),
            "start 3 is not one of the slider's values",
        ),
    ],
)
def test_what_cannot_be_drawn_is_said(images, call, message):
    with pytest.raises(ValueError, match=message):
        call(images)


def test_curves_and_bars():
    x = torch.arange(5.0)
    picture = curves(
        {"a": (x, x + 1), "b": (x, x**2 + 1)}, "step t", "loss", "It rises", logy=True, levels={"goal": 3}
    )
    assert picture.description == "It rises" and pixels(picture).width > 600
    assert pixels(bars({"pixels": 12288, "latents": 1024}, "numbers", "Fewer")).height > 300


def test_bars_of_series_stand_side_by_side():
    def page(**series):
        return pixels(bars({name: dict(series) for name in ("hair", "skin")}, "share", "Two series"))

    seen = {colour for _, colour in page(portraits=0.9, copies=0.5).getcolors(1 << 24)}
    assert {(0, 114, 178), (230, 159, 0)} <= seen, "one colour a series"
    assert (230, 159, 0) not in {colour for _, colour in page(portraits=0.9).getcolors(1 << 24)}


def test_a_logarithmic_axis_may_begin_at_timestep_0():
    lines = {"loss": ([0, 1, 10, 100], [4.0, 3.0, 2.0, 1.0])}
    pages = [curves(lines, "timestep t", "loss", "It falls", logx=logx) for logx in (False, True)]
    assert pages[0].png != pages[1].png
    left = pixels(pages[1]).crop((0, 0, pixels(pages[1]).width // 3, pixels(pages[1]).height))
    blue = [left.getpixel((x, y)) for x in range(left.width) for y in range(left.height)].count((0, 114, 178))
    assert blue > 100, "t = 0 and t = 1 are drawn, at the left"


def test_a_legend_beside_the_axes_covers_no_line():
    lines = {"a": ([5, 10, 50], [0.3, 0.1, 0.02]), "b": ([5, 10, 50], [0.2, 0.1, 0.05])}
    inside, outside = (curves(lines, "x", "y", "Both fall", logx=True, beside=beside) for beside in (0, 1))
    assert pixels(outside).width > pixels(inside).width + 50


def test_colours_are_okabe_and_itos():
    assert COLOURS["blue"] == "#0072B2" and COLOURS["vermillion"] == "#D55E00"


def test_a_slider_redraws_with_the_function_of_its_static_twin():
    drawn = []

    def draw(value):
        drawn.append(value)
        return Picture(f"picture {value}".encode(), "")

    box = slider(draw, [0, 1, 3], "w", 1)
    handle, image = box.children
    assert bytes(image.value) == b"picture 1"
    handle.value = 3
    assert bytes(image.value) == b"picture 3", "moving the slider must change the figure"
    assert drawn == [1, 3]


def test_explore_shows_a_widget_without_text_and_a_static_picture(images, monkeypatch):
    shown = []
    monkeypatch.setattr("ldm_tutorial.classroom.widgets.display", lambda thing, **_: shown.append(thing))
    explore(lambda v: grid(images[:v], title=f"{v} images"), [1, 2, 3], "images")
    live, static = shown
    assert list(live) == ["application/vnd.jupyter.widget-view+json"], (
        "text beside it would be compared by nbval"
    )
    assert static.png.startswith(b"\x89PNG") and static.description == "1 images | 2 images | 3 images"


def test_narrow_pictures_stand_side_by_side(images):
    narrow = [grid(images[:1])] * 3
    page, wide = pixels(stacked(narrow)), pixels(stacked([grid(images)] * 2))
    assert page.width > page.height
    assert wide.height > pixels(grid(images)).height


def test_progress_counts_and_leaves_no_output(capsys):
    with Live(3, "training") as live:
        live.step(2, "loss 0.5")
    assert live.bar.value == 2 and "loss 0.5" in live.line.value
    captured = capsys.readouterr()
    assert captured.err == ""
