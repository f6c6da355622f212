"""Captions against an independent reading of them, over thousands of seeds, without drawing."""

import re

import pytest

from ldm_tutorial.data.peeps_attributes import HAIR, HOLDOUT, KINDS, choose, held_out
from ldm_tutorial.data.peeps_captions import MAX_WORDS, caption

SEEDS = range(4000)

# What a reader understands: pattern in the caption -> the values it may stand for.
READINGS = {
    "skin": {rf"\b{w} skin\b": {w} for w in ("pale", "tan", "bronze", "brown", "dark")},
    "glasses": {
        r"(?<!no )\b(glasses|spectacles)\b": {"glasses"},
        r"\bno glasses\b": {"none"},
        r"\b(sunglasses|shades)\b": {"sunglasses"},
        r"\b(eyepatch|patch over one eye)\b": {"eyepatch"},
    },
    "mask": {
        r"\bno mask\b": {"none"},
        r"\b(white|surgical) mask\b": {"surgical mask"},
        r"\brespirator\b": {"respirator"},
    },
    "facial_hair": {
        r"\b(no facial hair|shaven face)\b": {"none"},
        r"\bbeard\b": {"beard"},
        r"\bgoatee\b": {"goatee"},
        r"\bmoustache\b": {"moustache"},
    },
    "expression": {
        r"\b(smil\w+|happy)\b": {"smiling"},
        r"\bgrin\w*\b": {"grinning"},
        r"\blaugh\w*\b": {"laughing"},
        r"\b(hearts?|loving)\b": {"in love"},
        r"\b(angry|mad)\b": {"angry"},
        r"\b(sad|unhappy)\b": {"sad"},
        r"\bworried\b": {"worried"},
        r"\b(scared|frightened)\b": {"scared"},
        r"\b(amazed|shining)\b": {"amazed"},
        r"\b(talking|open mouth)\b": {"talking"},
        r"\b(serious|stern)\b": {"serious"},
        r"\b(tired|sleepy)\b": {"tired"},
        r"\b(one big|single) eye\b": {"one eye"},
        r"\bthree eyes\b": {"three eyes"},
    },
    "hair": {
        r"\bafro\b": {"afro"},
        r"\bbald head\b|\bno hair\b": {"bald head"},
        r"\bbalding\b|\bvery little\b": {"balding head"},
        r"\bbandana\b|\bbow in the hair\b": {"bandana"},
        r"\bknots\b": {"bantu knots"},
        r"\bbeanie\b": {"beanie"},
        r"\bbear\b": {"bear ears"},
        r"\bbob\b": {"bob"},
        r"\bbun\b": {"bun"},
        r"\bbuns\b": {"buns"},
        r"\bcurls\b|\blong curly\b": {"curly hair"},
        r"\bdread\w+\b": {"dreadlocks"},
        r"\bflat (on )?top\b": {"flat top"},
        r"\bhat\b": {"hat"},
        r"\bhijab\b": {"hijab"},
        r"\blong (\w+ )?hair\b": {"long hair", "curly hair"},
        r"\bmedium\b": {"medium hair"},
        r"\b(messy|wild)\b": {"messy hair"},
        r"\bmohawk\b": {"mohawk"},
        r"\bmullet\b": {"mullet"},
        r"\bponytail\b": {"ponytail"},
        r"\bquiff\b": {"quiff"},
        r"\bshort (\w+ )?hair\b|\bcut short\b": {"short hair"},
        r"\bturban\b": {"turban"},
        r"\btwists\b": {"twists"},
        r"\bundercut\b|\bshaved sides\b": {"undercut"},
    },
}
COLOUR = "red|orange|yellow|green|blue|purple|pink|white|gray|black"
CLOTHING = re.compile(rf"\b({COLOUR}) (?:shirt|top|clothes)\b")
BEHIND = re.compile(rf"\b({COLOUR}) (?:background|wall)\b|\b(?:background|wall behind) is ({COLOUR})\b")
HAIR_WORDS = (
    "hair|afro|bob|buns?|bantu knots|curls|dreadlocks|dreads|flat top|"
    "mohawk|mullet|ponytail|quiff|twists|undercut"
)
HAIR_COLOUR = re.compile(rf"\b(black|gray|blond|ginger|brown|pink) (?:{HAIR_WORDS})\b")


@pytest.fixture(scope="module")
def captioned():
    drawn = [(seed, choose(seed)[1]) for seed in SEEDS]
    return [(attributes, *caption(attributes, seed)) for seed, attributes in drawn]


def read(text: str) -> dict[str, set[str]]:
    found = {}
    for kind, patterns in READINGS.items():
        for pattern, values in patterns.items():
            if re.search(pattern, text):
                found[kind] = found.get(kind, values) & values
    for kind, pattern in (("clothing", CLOTHING), ("background", BEHIND), ("hair_colour", HAIR_COLOUR)):
        match = pattern.search(text)
        if match:
            found[kind] = {next(group for group in match.groups() if group)}
    return found


def test_captions_are_never_wrong_and_mention_what_they_say(captioned):
    for attributes, text, mentions in captioned:
        found = read(text)
        assert set(found) == set(mentions), f"{text!r} says {sorted(found)}, listed are {sorted(mentions)}"
        for kind, values in found.items():
            assert attributes[kind] in values, f"{text!r} is wrong about the {kind}, {attributes[kind]!r}"


def test_nothing_hidden_is_mentioned(captioned):
    for attributes, text, mentions in captioned:
        values = {attributes[kind] for kind in mentions}
        assert not values & {"hidden", "other"}, f"{text!r} tells what can't be seen"
        assert len(set(mentions)) == len(mentions) > 0, f"{text!r} lists {mentions}"


def test_words(captioned):
    words = [re.findall(r"\w+|[^\w\s]", text) for _, text, _ in captioned]
    vocabulary = {word for caption_words in words for word in caption_words}
    assert max(map(len, words)) <= MAX_WORDS
    assert 100 <= len(vocabulary) <= 200, f"{len(vocabulary)} words"
    assert all(text == text.lower() and "  " not in text for _, text, _ in captioned), (
        "lower case, single spaces"
    )
    for _, text, _ in captioned:
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", text), f"article in {text!r}"
    assert len({text for _, text, _ in captioned}) > 0.9 * len(captioned), "captions should vary"


def test_every_value_occurs_and_masks_hide_what_is_behind(captioned):
    every = [attributes for attributes, _, _ in captioned]
    assert {attributes["hair"] for attributes in every} == set(HAIR)
    for attributes in every:
        assert tuple(attributes) == KINDS
        covered = [attributes["mask"], attributes["glasses"], attributes["facial_hair"]]
        if attributes["mask"] != "none":
            assert (attributes["facial_hair"], attributes["expression"]) == ("hidden", "hidden")
        if attributes["glasses"] != "none":
            assert attributes["expression"] in ("hidden", "smiling", "grinning", "laughing", "talking")
        if covered == ["none"] * 3:
            assert attributes["expression"] != "hidden", "nothing covers the face"
        assert (attributes["clothing"] == "hidden") == (attributes["hair"] == "long hair")


def test_held_out_combinations_cover_two_percent_and_each_occurs(captioned):
    every = [attributes for attributes, _, _ in captioned]
    assert sum(map(held_out, every)) >= 0.02 * len(every)
    for wanted in HOLDOUT:
        assert any(wanted.items() <= attributes.items() for attributes in every), f"{wanted} is never drawn"
