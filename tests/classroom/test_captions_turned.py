"""Captions as nobody wrote them, and the combinations that training never saw (lesson 07)."""

import pytest

from ldm_tutorial.classroom.lessons.captions_turned import (
    all_there,
    apart_and_together,
    reversed_words,
    shuffled_words,
    swapped,
    turbans_like_shirts,
    whole_combinations,
)
from ldm_tutorial.data import open_images

CAPTION = "a red hat on a red dog"


def test_captions_are_turned():
    assert swapped("a red hat, in red.", "hat", "cap") == "a red cap, in red."
    with pytest.raises(ValueError, match="'red' stands 2 times"):
        swapped(CAPTION, "red", "blue")
    assert reversed_words("a hat, red") == "red , hat a"
    assert sorted(shuffled_words(CAPTION, 1).split()) == sorted(CAPTION.split())
    assert shuffled_words(CAPTION, 1) == shuffled_words(CAPTION, 1) != CAPTION


def test_held_out_combinations_occur_in_parts_only():
    rows = apart_and_together(open_images("peeps", "train").values("attributes"))
    assert len(rows) == 8
    assert all(row["together"] == 0 and min(row["each part"]) > 100 for row in rows), rows
    holdout = apart_and_together(open_images("peeps", "holdout").values("attributes"))
    assert all(row["together"] > 0 for row in holdout)
    assert "afro + purple shirt" in [row["combination"] for row in rows]


def test_captions_of_whole_combinations_name_every_part():
    holdout = open_images("peeps", "holdout")
    mentions, attributes, captions = (holdout.values(name) for name in ("mentions", "attributes", "caption"))
    whole = whole_combinations(mentions, attributes)
    assert min(map(len, whole)) >= 4, "the lesson draws four of each"
    assert all("mohawk" in captions[i] for i in whole[0])
    read = [attributes[of[0]] for of in whole]
    assert all_there(read, range(8)) == [True] * 8
    assert all_there([read[0] | {"hair": "afro"}], [0]) == [False]


def test_turbans_have_the_colour_of_the_shirt():
    like, turbans = turbans_like_shirts(open_images("peeps", "valid", limit=500))
    assert like == turbans > 10
