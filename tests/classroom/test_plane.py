"""Points in the plane and their paths."""

import io

import pytest
import torch
from PIL import Image

from ldm_tutorial.classroom import Picture, paths, scatter
from ldm_tutorial.classroom.widgets import slider


def pixels(picture):
    return Image.open(io.BytesIO(picture.png)).convert("RGB")


def test_a_point_is_drawn_where_it_is():
    page = pixels(scatter({"one": torch.tensor([[1.3, 1.3]])}, dot=400))
    blue = [
        (x, y)
        for x in range(page.width)
        for y in range(page.height)
        if page.getpixel((x, y)) == (0, 114, 178)
    ]
    x, y = (sum(values) / len(blue) for values in zip(*blue, strict=True))
    assert x > page.width / 2 and y < page.height / 2, "right is larger x, up is larger y"


def test_panels_stand_in_rows():
    cloud = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
    one, many = (scatter({f"panel {i}": cloud for i in range(n)}, columns=3) for n in (3, 6))
    assert pixels(many).height > 1.6 * pixels(one).height
    assert one.description == "panel 0 / panel 1 / panel 2"
    assert scatter({"a": cloud}, behind=cloud + 1).png != scatter({"a": cloud}).png


def test_sets_of_a_panel_are_told_apart():
    corner = torch.tensor([[2.0, 2.0]])
    page = pixels(scatter({"both": {"data": corner, "samples": -corner}}, "Two sets", dot=100))
    seen = {colour for _, colour in page.getcolors(1 << 24)}
    assert {(0, 114, 178), (230, 159, 0)} <= seen


def test_ticks_are_drawn_where_asked_for():
    points = torch.zeros(1, 2)
    assert scatter({"a": points}, ticks=(-2, 0, 2)).png != scatter({"a": points}).png


def test_a_path_joins_its_states():
    states = torch.stack([torch.full((1, 2), -2.0), torch.full((1, 2), 2.0)])
    page = pixels(paths({"one way": states}, "From corner to corner"))
    middle = [page.getpixel((page.width // 2 + d, int(page.height * 0.6))) for d in range(-40, 41)]
    assert any(pixel != (255, 255, 255) for pixel in middle), "a line runs through the middle"


def test_the_true_way_is_drawn_below_a_path():
    bent = torch.tensor([[[-2.0, -2.0]], [[-2.0, 2.0]], [[2.0, 2.0]]])
    alone, beside = paths({"a": bent}), paths({"a": bent}, truth=bent[::2])
    assert beside.png != alone.png and paths({"a": bent}, marks=True).png != alone.png


def test_ways_of_many_turns_are_pale_between_large_ends():
    states = torch.stack([torch.full((1, 2), -2.0), torch.full((1, 2), 2.0)])
    counts = [
        sum(
            n
            for n, colour in pixels(paths({"way": states}, pale=pale)).getcolors(1 << 24)
            if colour == (0, 114, 178)
        )
        for pale in (False, True)
    ]
    assert counts[1] > 2 * counts[0], "the full circle at the end is larger"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: scatter({"a": torch.zeros(3, 3)}),
            r"panel 'a' needs points of shape \(N, 2\), but got \(3, 3\)",
        ),
        (lambda: scatter({"a": [1, 2]}), "but got list"),
        (
            lambda: paths({"b": torch.zeros(5, 2)}),
            r"panel 'b' needs states of shape \(S, N, 2\), but got \(5, 2\)",
        ),
    ],
)
def test_what_is_not_in_the_plane_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_animation_moves_its_slider_and_its_picture():
    box = slider(lambda value: Picture(f"state {value}".encode(), ""), [99, 50, -1], "t", 99, play=True)
    controls, image = box.children
    button, handle = controls.children
    button.value = 2
    assert handle.value == -1 and bytes(image.value) == b"state -1", "playing must change the figure"
    handle.value = 50
    assert button.value == 1, "the button goes on from where the slider was put"
