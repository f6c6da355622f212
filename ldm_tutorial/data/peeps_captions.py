"""Captions of Peeps: what somebody might say about the picture, in varied words, and never wrong.

Only what can be seen is said: nothing "hidden", and "none" only as "no glasses", "no mask" or a shaven face.
"""

import re
from collections.abc import Mapping
from random import Random

MAX_WORDS = 30  # punctuation counts; a start and an end token make 32

SUBJECTS = (
    "a person",
    "a person",
    "a peep",
    "a character",
    "a portrait of a person",
    "a drawing of a person",
    "a cartoon of a person",
    "someone",
)
HAIR = {  # {c} takes the colour of the hair, or nothing
    "afro": ("a {c}afro", "a round {c}afro"),
    "bald head": ("a bald head", "no hair"),
    "balding head": ("a balding head", "very little {c}hair"),
    "bandana": ("a bandana", "a bow in the hair"),
    "bantu knots": ("{c}bantu knots", "{c}hair in small knots"),
    "beanie": ("a beanie", "a knitted beanie"),
    "bear ears": ("bear ears", "the ears of a bear"),
    "bob": ("a {c}bob", "{c}hair in a bob"),
    "bun": ("a {c}bun", "{c}hair in a bun"),
    "buns": ("many {c}buns", "{c}hair in many buns"),
    "curly hair": ("long curly {c}hair", "big {c}curls"),
    "dreadlocks": ("{c}dreadlocks", "{c}dreads"),
    "flat top": ("a {c}flat top", "{c}hair cut flat on top"),
    "hat": ("a black hat", "a hat with a brim"),
    "hijab": ("a hijab", "a black hijab"),
    "long hair": ("long {c}hair", "very long {c}hair"),
    "medium hair": ("medium {c}hair", "{c}hair of medium length"),
    "messy hair": ("messy {c}hair", "wild {c}hair"),
    "mohawk": ("a {c}mohawk", "{c}hair in a mohawk"),
    "mullet": ("a {c}mullet", "a curly {c}mullet"),
    "ponytail": ("a {c}ponytail", "{c}hair in a ponytail"),
    "quiff": ("a {c}quiff", "{c}hair combed up in a quiff"),
    "short hair": ("short {c}hair", "{c}hair cut short"),
    "turban": ("a turban", "a wrapped turban"),
    "twists": ("{c}twists", "{c}hair in short twists"),
    "undercut": ("a {c}undercut", "{c}hair with shaved sides"),
}
GLASSES = {
    "none": ("no glasses",),
    "glasses": ("glasses", "a pair of glasses", "spectacles"),
    "sunglasses": ("sunglasses", "dark sunglasses", "black shades"),
    "eyepatch": ("an eyepatch", "a patch over one eye"),
}
MASK = {
    "none": ("no mask",),
    "surgical mask": ("a white mask", "a surgical mask"),
    "respirator": ("a respirator", "a teal respirator"),
}
FACIAL_HAIR = {
    "none": ("no facial hair", "a shaven face"),
    "beard": ("a beard", "a full beard"),
    "goatee": ("a goatee", "a small goatee"),
    "moustache": ("a moustache",),
}
MOODS = {  # before the noun
    "smiling": ("smiling", "happy"),
    "grinning": ("grinning",),
    "laughing": ("laughing",),
    "angry": ("angry", "mad"),
    "sad": ("sad", "unhappy"),
    "worried": ("worried",),
    "scared": ("scared", "frightened"),
    "amazed": ("amazed",),
    "talking": ("talking",),
    "serious": ("serious", "stern"),
    "tired": ("tired", "sleepy"),
    "in love": ("loving",),
}
FACES = {  # after "with"
    "smiling": ("a smile", "a happy face"),
    "grinning": ("a big grin", "a grin full of teeth"),
    "laughing": ("a laughing face", "a laughing mouth"),
    "in love": ("heart eyes", "hearts for eyes"),
    "angry": ("an angry face", "an angry look"),
    "sad": ("a sad face", "a sad look"),
    "worried": ("a worried face", "a worried look"),
    "scared": ("a scared face", "a frightened look"),
    "amazed": ("an amazed face", "big shining eyes"),
    "talking": ("an open mouth",),
    "serious": ("a serious face", "a stern look"),
    "tired": ("a tired face", "sleepy eyes"),
    "one eye": ("one big eye", "a single eye"),
    "three eyes": ("three eyes",),
}
CLOTHES = ("a {} shirt", "a {} shirt", "a {} top", "{} clothes")
# How often a kind is mentioned: where there is something to say, and where the attribute is "none".
CHANCES = {
    "skin": (0.4, 0),
    "hair": (0.88, 0),
    "clothing": (0.72, 0),
    "background": (0.65, 0),
    "glasses": (0.88, 0.12),
    "mask": (0.92, 0.08),
    "facial_hair": (0.85, 0.07),
    "expression": (0.65, 0),
}
HAIR_COLOUR_CHANCE = 0.5
SHORT_CHANCE = 0.08


def caption(attributes: Mapping[str, str], seed: int) -> tuple[str, tuple[str, ...]]:
    """A caption for the attributes, and the kinds of attributes it mentions. Deterministic from the seed."""
    random = Random(2 * seed + 1)
    kinds = _mentioned(attributes, random)
    while True:
        text, mentions = _write(attributes, kinds, random)
        if len(re.findall(r"\w+|[^\w\s]", text)) <= MAX_WORDS:
            return text, mentions
        kinds = kinds[:-1]


def _mentioned(attributes, random: Random) -> list[str]:
    kinds = []
    for kind, (something, nothing) in CHANCES.items():
        value = attributes[kind]
        chance = 0 if value in ("hidden", "other") else nothing if value == "none" else something
        if random.random() < chance:
            kinds.append(kind)
    kinds = _shuffled(kinds, random) or ["hair"]
    return kinds[:1] if random.random() < SHORT_CHANCE else kinds


def _write(attributes, kinds: list[str], random: Random) -> tuple[str, tuple[str, ...]]:
    mentions = list(kinds)
    mood = ""
    features, worn, behind = [], "", ""
    for kind in kinds:
        value = attributes[kind]
        if kind == "expression":
            moods = MOODS.get(value, ())
            if moods and random.random() < 0.5:
                mood = _any(moods, random) + " "
            else:
                features.append(_any(FACES[value], random))
        elif kind == "hair":
            phrase = _any(HAIR[value], random)
            coloured = attributes["hair_colour"] != "none" and random.random() < HAIR_COLOUR_CHANCE
            if coloured and "{c}" in phrase:
                mentions.append("hair_colour")
            features.append(phrase.format(c=attributes["hair_colour"] + " " if coloured else ""))
        elif kind == "skin":
            features.append(f"{value} skin")
        elif kind == "clothing":
            worn = _any(CLOTHES, random).format(value)
        elif kind == "background":
            behind = value
        else:
            table = {"glasses": GLASSES, "mask": MASK, "facial_hair": FACIAL_HAIR}[kind]
            features.append(_any(table[value], random))
    form = _any((_sentence, _sentence, _sentence, _sentences, _list), random)
    text = form(mood, features, worn, behind, random)
    return re.sub(r"\ba (?=[aeiou])(?!one )", "an ", text), tuple(mentions)


def _sentence(mood, features, worn, behind, random) -> str:
    text = _subject(mood, random) + (" with " + _joined(features) if features else "")
    extra = []
    if worn:
        extra.append(_any(("wearing ", "in ", "dressed in "), random) + worn)
    if behind:
        places = ("on a {} background", "in front of a {} wall", "against a {} background")
        extra.append(_any(places, random).format(behind))
    extra = _shuffled(extra, random)
    separator = ", " if features else " "
    return text + "".join(separator + piece for piece in extra)


def _sentences(mood, features, worn, behind, random) -> str:
    text = _subject(mood, random) + (" with " + _joined(features) if features else "")
    if worn:
        sentence = _any((" {} is wearing {}.", " {} wears {}."), random) if features else " in {1}."
        text += (".", "")[not features] + sentence.format("the person", worn)
    else:
        text += "."
    if behind:
        text += _any((" the background is {}.", " the wall behind is {}."), random).format(behind)
    return text


def _list(mood, features, worn, behind, random) -> str:
    pieces = list(features)
    if mood:
        pieces.insert(0, f"a {mood}person")
    pieces += [worn] if worn else []
    pieces += [f"a {behind} background"] if behind else []
    pieces = _shuffled(pieces, random)
    if random.random() < 0.5:
        pieces = [re.sub(r"^an? ", "", piece) for piece in pieces]
    return ", ".join(pieces)


def _subject(mood: str, random: Random) -> str:
    subject = _any(SUBJECTS, random)
    if subject == "someone":
        return f"someone {mood}".rstrip()
    start, noun = subject.rsplit(" ", 1)
    return f"{start} {mood}{noun}"


def _joined(phrases: list[str]) -> str:
    return ", ".join(phrases[:-1]) + " and " + phrases[-1] if len(phrases) > 1 else phrases[0]


def _any(options, random: Random):
    return options[int(random.random() * len(options))]


def _shuffled(items, random: Random) -> list:
    return [item for _, item in sorted(((random.random(), item) for item in items), key=lambda pair: pair[0])]
