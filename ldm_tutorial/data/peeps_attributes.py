"""What a Peep looks like: which parts the artwork has, how often each is drawn, what of it can be seen.

Tables from the names of the artwork (Open Peeps by Pablo Stanley, CC0 1.0) to the words of this course. A
word stands for variants that look alike at 64 px, so that whoever sees the picture can tell it. Nothing is
drawn here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

KINDS = (
    "skin",
    "hair",
    "hair_colour",
    "clothing",
    "background",
    "glasses",
    "mask",
    "facial_hair",
    "expression",
)

SKIN = {"pale": "#ffdbb4", "tan": "#edb98a", "bronze": "#d08b5b", "brown": "#ae5d29", "dark": "#694d3d"}
CLOTHING = {
    "red": "#e23c32",
    "orange": "#ff8a1f",
    "yellow": "#f7d51d",
    "green": "#35a853",
    "blue": "#2f6fe0",
    "purple": "#8b4fd6",
    "pink": "#f57ab9",
    "white": "#ffffff",
}
BACKGROUND = {
    "white": "#ffffff",
    "gray": "#b9bec4",
    "yellow": "#ffe98a",
    "green": "#a5e3a0",
    "blue": "#a3d0ff",
    "purple": "#c8b2f7",
    "pink": "#ffb8d6",
}
HAIR_COLOUR = {
    "gray": "#c9c9c9",
    "blond": "#f5cf6b",
    "ginger": "#e0651b",
    "brown": "#7d4a26",
    "pink": "#ff7fb6",
}

HAIR = {
    "afro": ("afro", "longAfro"),
    "bald head": ("noHair1",),
    "balding head": ("noHair2", "noHair3"),
    "bandana": ("bun",),
    "bantu knots": ("bantuKnots",),
    "beanie": ("hatBeanie",),
    "bear ears": ("bear",),
    "bob": ("bangs2", "medium1"),
    "bun": ("bun2", "grayBun", "grayMedium"),
    "buns": ("buns",),
    "curly hair": ("longCurly",),
    "dreadlocks": ("dreads1", "dreads2"),
    "flat top": ("flatTop", "flatTopLong"),
    "hat": ("hatHip",),
    "hijab": ("hijab",),
    "long hair": ("long", "longBangs"),
    "medium hair": ("bangs", "medium2", "medium3", "mediumBangs", "mediumBangs3", "mediumStraight"),
    "messy hair": ("shaved3",),
    "mohawk": ("mohawk", "mohawk2"),
    "mullet": ("mediumBangs2",),
    "ponytail": ("cornrows", "cornrows2"),
    "quiff": ("pomp", "short4"),
    "short hair": ("grayShort", "short1", "short2", "short3", "short5"),
    "turban": ("turban",),
    "twists": ("twists", "twists2"),
    "undercut": ("shaved1", "shaved2"),
}
HAIR_WEIGHT = {"bear ears": 0.5, "short hair": 1.5, "medium hair": 1.5, "long hair": 1.5, "mohawk": 1.5}
COLOURED_HEADS = frozenset(
    # Every other head has black hair, or none that shows.
    "bangs cornrows grayBun grayMedium grayShort mediumBangs2 mohawk mohawk2 noHair3 short4".split()  # noqa: SIM905
)
NO_HAIR_SEEN = frozenset(("noHair1", "noHair2", "bear", "hatBeanie", "hatHip", "hijab", "turban", "bun"))

GLASSES = {
    "none": (),
    "glasses": ("glasses", "glasses2", "glasses3", "glasses4", "glasses5"),
    "sunglasses": ("sunglasses", "sunglasses2"),
    "eyepatch": ("eyepatch",),
}
GLASSES_WEIGHT = {"none": 64, "glasses": 17, "sunglasses": 12, "eyepatch": 7}
MASK = {"none": (), "surgical mask": ("medicalMask",), "respirator": ("respirator",)}
MASK_WEIGHT = {"none": 88, "surgical mask": 6, "respirator": 6}
# Left out, because at 64 px they can't be told from the lines of the face: chin, moustache1, moustache4.
FACIAL_HAIR = {
    "none": (),
    "beard": ("full", "full2", "full3", "full4"),
    "goatee": ("goatee1", "goatee2"),
    "moustache": tuple(f"moustache{i}" for i in (2, 3, 5, 6, 7, 8, 9)),
}
FACIAL_HAIR_WEIGHT = {"none": 72, "beard": 10, "goatee": 8, "moustache": 10}

EXPRESSION = {
    "smiling": ("smile", "calm", "cute"),
    "grinning": ("smileBig", "smileTeethGap"),
    "laughing": ("smileLOL",),
    "in love": ("lovingGrin1", "lovingGrin2"),
    "angry": ("angryWithFang", "rage", "veryAngry"),
    "sad": ("solemn",),
    "worried": ("concerned", "concernedFear"),
    "scared": ("fear", "hectic"),
    "amazed": ("awe",),
    "talking": ("explaining",),
    "serious": ("serious", "suspicious"),
    "tired": ("eyesClosed", "tired"),
    "one eye": ("cyclops",),
    "three eyes": ("monster",),
    "other": ("blank", "cheeky", "contempt", "driven", "eatingHappy", "old"),
}
EXPRESSION_WEIGHT = {"smiling": 2, "angry": 1.5, "one eye": 0.5, "three eyes": 0.5}
# What must show for the word to be told from the picture; the words that aren't here need both.
NEEDS_EYES = frozenset(("in love", "scared", "amazed", "one eye", "three eyes"))
NEEDS_MOUTH = frozenset(("smiling", "grinning", "laughing", "talking"))

# Never in train or valid: whoever can draw these has learned to compose what it saw apart.
HOLDOUT: tuple[Mapping[str, str], ...] = (
    {"hair": "mohawk", "glasses": "sunglasses"},
    {"hair": "afro", "clothing": "purple"},
    {"hair": "hijab", "background": "yellow"},
    {"hair": "beanie", "clothing": "orange"},
    {"hair": "long hair", "background": "purple"},
    {"glasses": "eyepatch", "clothing": "pink"},
    {"mask": "respirator", "background": "green"},
    {"facial_hair": "beard", "skin": "dark", "background": "blue"},
)


def held_out(attributes: Mapping[str, str]) -> bool:
    """Whether the attributes hold one of the combinations of HOLDOUT."""
    return any(all(attributes[kind] == value for kind, value in wanted.items()) for wanted in HOLDOUT)


@dataclass(frozen=True)
class Parts:
    """What is handed to the artwork: names of its variants ("" = left out) and hex colours."""

    head: str
    expression: str
    glasses: str
    mask: str
    facial_hair: str
    skin: str
    hair_colour: str
    clothing: str
    background: str


def choose(seed: int) -> tuple[Parts, dict[str, str]]:
    """The parts of the Peep of this seed, and its attributes: a word for each of KINDS, true of the picture.

    "hidden" stands where something covers it (a beard behind a mask), "other" for expressions without a word.
    """
    random = Random(2 * seed)  # the odd numbers belong to the captions
    skin, clothing, background = (_pick(random, table) for table in (SKIN, CLOTHING, BACKGROUND))
    hair = _pick(random, HAIR, HAIR_WEIGHT)
    head = _pick(random, HAIR[hair], dict.fromkeys(COLOURED_HEADS, 2.0))  # black heads are the majority
    colour = _pick(random, HAIR_COLOUR)
    glasses = _pick(random, GLASSES, GLASSES_WEIGHT)
    mask = _pick(random, MASK, MASK_WEIGHT)
    facial_hair = _pick(random, FACIAL_HAIR, FACIAL_HAIR_WEIGHT)
    # Big eyes and a frame over them make a tangle of lines at 64 px.
    expressions = [e for e in EXPRESSION if glasses == "none" or e not in NEEDS_EYES]
    expression = _pick(random, expressions, EXPRESSION_WEIGHT)

    parts = Parts(
        head=head,
        expression=_pick(random, EXPRESSION[expression]),
        glasses=_pick(random, GLASSES[glasses] or ("",)),
        mask=_pick(random, MASK[mask] or ("",)),
        facial_hair=_pick(random, FACIAL_HAIR[facial_hair] or ("",)) if mask == "none" else "",
        skin=SKIN[skin],
        hair_colour=HAIR_COLOUR[colour],
        clothing=CLOTHING[clothing],
        background=BACKGROUND[background],
    )
    if mask != "none":
        facial_hair = "hidden"
    # At 64 px a mouth in a beard, an eyebrow behind a frame or an eye above a mask can't be read.
    eyes, mouth = glasses == "none", facial_hair == "none"
    shows = mouth if expression in NEEDS_MOUTH else eyes if expression in NEEDS_EYES else mouth and eyes
    attributes = {
        "skin": skin,
        "hair": hair,
        "hair_colour": colour if head in COLOURED_HEADS else "none" if head in NO_HAIR_SEEN else "black",
        "clothing": "hidden" if hair == "long hair" else clothing,  # fewer than 50 of the 4,096 pixels
        "background": background,
        "glasses": glasses,
        "mask": mask,
        "facial_hair": facial_hair,
        "expression": expression if shows and mask == "none" else "hidden",
    }
    return parts, attributes


def _pick(random: Random, names, weights: Mapping[str, float] = {}) -> str:
    # Of the generator only random() is promised to stay the same over versions of Python.
    names = list(names)
    threshold = random.random() * sum(weights.get(name, 1.0) for name in names)
    for name in names:
        threshold -= weights.get(name, 1.0)
        if threshold < 0:
            return name
    return names[-1]
