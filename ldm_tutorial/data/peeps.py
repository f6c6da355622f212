"""Peeps: cartoon portraits drawn from a seed, each with its attributes, a caption and a semantic map.

The artwork is Open Peeps by Pablo Stanley (CC0 1.0), from `dicebear-styles`; `dicebear-core` puts the parts
together and `resvg-py` paints them. They are needed to draw, not to train: the drawn set is in data/peeps.
"""

import io
import json
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from PIL import Image, ImageFilter

from ldm_tutorial.data.peeps_attributes import Parts, choose
from ldm_tutorial.data.peeps_captions import caption

MAP_CLASSES = ("background", "skin", "hair", "clothing", "ink")
BACKGROUND, SKIN, HAIR, CLOTHING, INK = range(5)
HEAD_INK = 5  # hair and outline are one shape in the artwork; told apart by their width
SUPERSAMPLING = 3  # of the map: the class of a pixel is the one that covers most of it
RED_STEP = 40  # flat colours of the map carry the class in their red channel


@dataclass(frozen=True)
class Peep:
    """`image` (H,W,3) uint8, `semantic_map` (H,W) uint8; `mentions` are the kinds the caption names."""

    image: np.ndarray
    attributes: dict[str, str]
    caption: str
    mentions: tuple[str, ...]
    semantic_map: np.ndarray


def draw(seed: int, size: int = 64) -> Peep:
    """The Peep of this seed, `size` x `size` pixels. The seed decides everything but the size.

    Raises ValueError for a negative seed or a size below 16, ImportError where a drawing package is missing.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; a Peep needs a seed of 0 or more")
    if size < 16:
        raise ValueError(f"size is {size}; a Peep needs at least 16 pixels")
    parts, attributes = choose(seed)
    text, mentions = caption(attributes, seed)
    return Peep(_paint(parts, size), attributes, text, mentions, _paint_map(parts, size))


def _paint(parts: Parts, size: int) -> np.ndarray:
    return _render(_styles()[0], parts, size)


def _paint_map(parts: Parts, size: int) -> np.ndarray:
    painted = _render(_styles()[1], parts, size * SUPERSAMPLING)[..., 0]
    classes = ((painted.astype(int) + RED_STEP // 2) // RED_STEP).reshape(
        size, SUPERSAMPLING, size, SUPERSAMPLING
    )
    areas = [(classes == number).sum(axis=(1, 3)) for number in range(HEAD_INK + 1)]
    classes = np.argmax(areas, axis=0).astype(np.uint8)  # (size, size)
    head_ink = classes == HEAD_INK
    width = max(3, round(size * 3 / 64) // 2 * 2 + 1)
    wide = Image.fromarray(head_ink).convert("L")
    wide = wide.filter(ImageFilter.MinFilter(width)).filter(ImageFilter.MaxFilter(width))
    hair = head_ink & (np.asarray(wide) > 0)
    if parts.head in ("noHair1", "noHair2", "noHair3", "bear"):
        hair[:] = False
    classes[head_ink] = INK
    classes[hair] = HAIR
    return classes


def _render(style, parts: Parts, size: int) -> np.ndarray:
    from dicebear import Avatar
    from resvg_py import svg_to_bytes

    options = {
        "seed": "peeps",  # every choice is made by our own generator, so that no other release changes it
        "headVariant": [parts.head],
        "expressionVariant": [parts.expression],
        "skinColor": [parts.skin],
        "clothingColor": [parts.clothing],
        "headContrastColor": [parts.hair_colour],
        "backgroundColor": [parts.background if style is _styles()[0] else _colour(BACKGROUND)],
    }
    for name, variant in (
        ("accessories", parts.glasses),
        ("mask", parts.mask),
        ("facialHair", parts.facial_hair),
    ):
        options[f"{name}Probability"] = 100 if variant else 0
        if variant:
            options[f"{name}Variant"] = [variant]
    png = svg_to_bytes(
        svg_string=str(Avatar(style, options)), width=size, height=size, skip_system_fonts=True
    )
    return np.array(Image.open(io.BytesIO(bytes(png))).convert("RGB"))


@cache
def _styles():
    """The artwork, and the artwork with every part in the flat colour of its class and hard edges."""
    try:
        import resvg_py  # noqa: F401  asked for here, so that one message says what all of it needs
        from dicebear import Style

        text = files("dicebear_styles").joinpath("open-peeps.json").read_text()
    except ImportError as error:
        raise ImportError(
            f"{error.name} is missing; drawing Peeps needs pip install dicebear-core dicebear-styles resvg-py"
        ) from error
    artwork = json.loads(text)
    flat = deepcopy(artwork)
    flat["attributes"]["shape-rendering"] = "crispEdges"
    for element in flat["canvas"]["elements"]:
        _flatten(element, {"skin": SKIN, "clothing": CLOTHING}, INK)
    head = {"skin": SKIN, "clothing": HAIR, "headContrast": HAIR, "ink": HEAD_INK}
    for name, component in flat["components"].items():
        everything = HAIR if name == "facialHair" else INK
        for variant in component["variants"].values():
            for element in variant["elements"]:
                _flatten(element, head if name == "head" else {}, everything)
    return Style(artwork), Style(flat)


def _colour(number: int) -> str:
    return f"#{number * RED_STEP:02x}0000"


def _flatten(element, classes: dict[str, int], otherwise: int) -> None:
    attributes = element.get("attributes", {})
    for name in ("fill", "stroke"):
        paint = attributes.get(name)
        if paint is not None and paint != "none":
            key = paint["name"] if isinstance(paint, dict) else paint
            attributes[name] = _colour(classes.get(key, otherwise))
    for child in element.get("children", []):
        _flatten(child, classes, otherwise)
