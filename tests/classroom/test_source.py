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


def test_a_function_inside_of_another_is_shown_alone():
    shown = show_source(guide, "combine")
    assert shown.code.startswith("def combine(") and shown.code.count("def ") == 1
    assert shown.code.rstrip().endswith("return out")
    whole, part = (s.place.split(", lines ")[1].split("-") for s in (show_source(guide), shown))
    assert int(whole[0]) < int(part[0]) < int(part[1]) < int(whole[1])
    with pytest.raises(ValueError, match="'guide' defines no function 'split' inside it"):
        show_source(guide, "split")
    with pytest.raises(ValueError, match="defines no function"):
        show_source(NoiseSchedule, "combine")


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
