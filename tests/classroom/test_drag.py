"""Points that are moved by hand."""

import pytest

from ldm_tutorial.classroom import Picture
from ldm_tutorial.classroom.drag import drag, mover

POINTS = {"a": (0.0, 0.0), "b": (1.0, -1.0)}


def draw(points):
    return Picture(repr(sorted(points.items())).encode(), "")


def test_the_chosen_point_moves_and_no_other():
    box = mover(draw, POINTS)
    (which, across, up), image = box.children[0].children, box.children[1]
    assert bytes(image.value) == draw(POINTS).png
    across.value = 0.5
    assert bytes(image.value) == draw({"a": (0.5, 0.0), "b": (1.0, -1.0)}).png
    which.value = "b"
    assert (across.value, up.value) == (1.0, -1.0), "the sliders show where the chosen point is"
    assert bytes(image.value) == draw({"a": (0.5, 0.0), "b": (1.0, -1.0)}).png, "choosing moves nothing"
    up.value = 2.0
    assert bytes(image.value) == draw({"a": (0.5, 0.0), "b": (1.0, 2.0)}).png
    assert POINTS["b"] == (1.0, -1.0), "what was given is left alone"


def test_a_twin_of_unknown_points_is_refused():
    with pytest.raises(ValueError, match="twin moves 'c', which is not one of the points"):
        drag(draw, POINTS, twin=[{"c": (0.0, 0.0)}])
