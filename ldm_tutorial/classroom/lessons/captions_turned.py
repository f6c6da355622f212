"""Captions as nobody wrote them (a word replaced, the order turned round), and combinations never seen."""

import random
from collections.abc import Collection, Mapping, Sequence

import torch
from torch import Tensor

from ldm_tutorial.conditioning import split_words
from ldm_tutorial.data import ImageSet
from ldm_tutorial.data.peeps_attributes import HOLDOUT


def swapped(caption: str, old: str, new: str) -> str:
    """The caption with one word replaced. ValueError where it doesn't stand in it exactly once."""
    words = caption.split(" ")
    found = [i for i, word in enumerate(words) if word.strip(",.") == old]
    if len(found) != 1:
        raise ValueError(f"{old!r} stands {len(found)} times in {caption!r}; it must stand there once")
    words[found[0]] = words[found[0]].replace(old, new)
    return " ".join(words)


def reversed_words(caption: str) -> str:
    """The words, and punctuation marks, from last to first."""
    return " ".join(split_words(caption)[::-1])


def shuffled_words(caption: str, seed: int) -> str:
    """The words, and punctuation marks, in a random order."""
    words = split_words(caption)
    random.Random(seed).shuffle(words)
    return " ".join(words)


def word_in(conditioner, caption: str, word: str) -> Tensor:
    """The vector (d,) that the encoder gives the first such word of a caption."""
    tokens = conditioner.tokenize([caption])
    device = next(conditioner.parameters()).device
    with torch.no_grad():
        context = conditioner(tokens.to(device)).context[0].cpu()
    return context[conditioner.spell(tokens[0]).index(word)]


def apart_and_together(attributes: list[dict[str, str]]) -> list[dict]:
    """For each combination of HOLDOUT how many of the pictures have each of its parts, and all of them."""
    rows = []
    for wanted in HOLDOUT:
        parts = [sum(each[kind] == value for each in attributes) for kind, value in wanted.items()]
        together = sum(all(each[k] == v for k, v in wanted.items()) for each in attributes)
        name = " + ".join(map(_named, wanted, wanted.values()))
        rows.append(
            {
                "combination": name,
                "each part": tuple(parts),
                "together": together,
            }
        )
    return rows


def _named(kind: str, value: str) -> str:
    return value + {"clothing": " shirt", "background": " background", "skin": " skin"}.get(kind, "")


def whole_combinations(mentions: Sequence[Collection[str]], attributes: Sequence[Mapping[str, str]]):
    """For each combination of HOLDOUT the numbers of the captions that name all of its parts."""
    return [
        [
            i
            for i, (said, has) in enumerate(zip(mentions, attributes, strict=True))
            if all(kind in said and has[kind] == value for kind, value in wanted.items())
        ]
        for wanted in HOLDOUT
    ]


def all_there(read: Sequence[Mapping[str, str]], asked: Sequence[int]) -> list[bool]:
    """Whether the attributes read off each picture have all parts of a combination, asked for by number."""
    wanted = [HOLDOUT[number] for number in asked]
    return [all(has[k] == v for k, v in of.items()) for has, of in zip(read, wanted, strict=True)]


def turbans_like_shirts(portraits: ImageSet) -> tuple[int, int]:
    """How many portraits with a turban have it in the colour of the shirt, and how many have a turban.

    A turban's colour is the median over the six topmost rows that `map` calls hair or headwear (index 2).
    """
    found = [i for i, of in enumerate(portraits.values("attributes")) if of["hair"] == "turban"]
    like = 0
    for i in found:
        image, regions = portraits[i]["image"], portraits[i]["map"]
        top = regions == 2
        top[int(top.any(dim=1).nonzero()[0]) + 6 :] = False
        turban, shirt = (image[:, where].median(dim=1).values for where in (top, regions == 3))
        like += bool((turban - shirt).abs().max() < 0.1)
    return like, len(found)
