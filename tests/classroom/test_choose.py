"""Several controls, one picture: each control counts, and the static figure is drawn by the same function."""

import ipywidgets
import pytest
import torch

from ldm_tutorial.classroom.choose import choose, chooser
from ldm_tutorial.classroom.pictures import grid


def test_every_control_redraws_with_all_the_values():
    asked = []

    def draw(*values):
        asked.append(values)
        return grid(torch.full((1, 3, 8, 8), len(asked) / 10))

    values = {"w": [0, 1, 3], "negative prompt": ["", "glasses"]}
    box = chooser(draw, values, (1, ""))
    slider, choice, image = box.children
    assert isinstance(slider, ipywidgets.SelectionSlider) and isinstance(choice, ipywidgets.Dropdown)
    assert ("(empty)", "") in choice.options, "an empty text must be seen in the list"
    before = image.value
    slider.value = 3
    choice.value = "glasses"
    assert asked == [(1, ""), (3, ""), (3, "glasses")] and image.value != before


def test_values_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match=r"w 2 is not one of its values \[0, 1\]"):
        choose(lambda _w: None, {"w": [0, 1]}, twin=[(2,)])
