"""Captions as nobody wrote them: one word replaced, the order turned round or shuffled."""

import random

import torch
from torch import Tensor

from ldm_tutorial.conditioning import split_words
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
        rows.append(
            {"combination": " + ".join(wanted.values()), "each part": tuple(parts), "together": together}
        )
    return rows
