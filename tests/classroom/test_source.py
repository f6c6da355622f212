"""show_source shows the tested source, and where it stands."""

import json

import pytest

from ldm_tutorial.classroom import show_source
from ldm_tutorial.diffusion import NoiseSchedule, guide


def test_it_is_the_very_source_with_file_and_line():
    shown = show_source(guide)
    name, lines = shown.place.split(", lines ")
    first, last = map(int, lines.split("-"))
    assert name == "ldm_tutorial/diffusion/guidance.py"
    path = __import__("ldm_tutorial.diffusion.guidance", fromlist=["guide"]).__file__
    with open(path, encoding="utf-8") as file:
        assert "".join(file.readlines()[first - 1 : last]) == shown.code
    assert repr(shown) == f"# {shown.place}\n{shown.code}"


def test_a_method_is_shown_without_its_indentation():
    shown = show_source(NoiseSchedule.add_noise)
    assert shown.code.startswith("def add_noise(self, z")
    assert "\n    " in shown.code


def test_an_instance_shows_its_class_and_a_property_its_getter():
    schedule = NoiseSchedule.scaled_linear()
    assert "class NoiseSchedule" in show_source(schedule).code
    assert "def T(self)" in show_source(NoiseSchedule.T).code


def test_html_is_coloured_without_a_style_sheet():
    html = show_source(guide)._repr_html_()
    assert "<style" not in html and 'style="color' in html
    assert "ldm_tutorial/diffusion/guidance.py" in html


@pytest.mark.parametrize(
    ("thing", "message"), [(json.dumps, "not part of ldm_tutorial"), (len, "no Python source")]
)
def test_what_is_not_ours_is_refused(thing, message):
    with pytest.raises(ValueError, match=message):
        show_source(thing)
