"""An exercise of lesson 09 whose answer is random: it is judged by what it does to many batches."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

from typing import NamedTuple

import torch
from torch import Tensor

from ldm_tutorial.classroom.exercises import Exercise, Mistake

BATCHES, IMAGES, TOKENS = 400, 8, 5


def drop(tokens, null_tokens, rate, generator):
    """Replace the condition of each image by the null condition, with probability `rate`."""
    chosen = torch.rand(len(tokens), generator=generator) < rate
    return torch.where(chosen[:, None], null_tokens, tokens)


class Watched(NamedTuple):
    """What was seen of a function that drops conditions; shares are rounded to what chance leaves certain."""

    shape: tuple[int, ...]
    tokens_as_they_came: bool
    share_of_images_that_are_neither_kept_nor_null: float
    share_of_images_dropped: float
    share_of_batches_dropped_as_a_whole: float
    as_many_dropped_in_every_batch: bool
    same_for_the_same_seed: bool


def watched(function):
    """The function, seen at work on many batches: rate -> Watched, or None while there is no answer."""
    null_tokens = torch.tensor([2, 3, 0, 0, 0])
    words = torch.randint(4, 100, (BATCHES, IMAGES, TOKENS), generator=torch.Generator().manual_seed(0))

    def see(rate):
        images, batches, other, as_they_came, counts = 0, 0, 0, True, set()
        generator = torch.Generator().manual_seed(1)
        for tokens in words:
            given = tokens.clone()
            answer = function(given, null_tokens, rate, generator)
            if not isinstance(answer, Tensor):
                return answer
            as_they_came &= torch.equal(given, tokens)
            if answer.shape != tokens.shape:
                return Watched(tuple(answer.shape), as_they_came, -1.0, -1.0, -1.0, False, False)
            dropped, kept = (answer == null_tokens).all(1), (answer == tokens).all(1)
            images += int(dropped.sum())
            counts.add(int(dropped.sum()))
            batches += bool(dropped.all())
            other += int((~dropped & ~kept).sum())
        seeds = (torch.Generator().manual_seed(2) for _ in range(2))
        twice = [function(words[:9].flatten(0, 1).clone(), null_tokens, 0.5, seed) for seed in seeds]
        total = BATCHES * IMAGES
        shares = round(other / total, 1), round(images / total, 1), round(batches / BATCHES, 1)
        return Watched((IMAGES, TOKENS), as_they_came, *shares, len(counts) == 1, torch.equal(*twice))

    see.given = lambda rate: f"{BATCHES:,} batches of {IMAGES} captions at rate {rate}"
    return see


def _replaced(chosen, tokens, null_tokens):
    return torch.where(chosen, null_tokens, tokens)


def _first(tokens, null_tokens, rate):
    count = int(rate * len(tokens))
    return torch.cat([null_tokens.expand(count, -1), tokens[count:]])


def _as_many(tokens, null_tokens, rate, generator):
    out = tokens.clone()
    out[torch.randperm(len(tokens), generator=generator)[: round(rate * len(tokens))]] = null_tokens
    return out


def _in_place(tokens, null_tokens, rate, generator):
    tokens[torch.rand(len(tokens), generator=generator) < rate] = null_tokens
    return tokens


drop_exercise = Exercise(
    name="dropping conditions",
    solution=drop,
    cases=lambda: [(0.2,), (0.4,)],
    probe=watched,
    mistakes=(
        Mistake(
            "one draw for the whole batch",
            lambda tokens, null, rate, generator: _replaced(
                torch.rand(1, generator=generator) < rate, tokens, null
            ),
            "Now and then a whole batch loses its captions, and the others lose none. The rate is right on "
            "average, but a step of training then sees only one of the two tasks. Draw one number for each "
            "image: torch.rand(len(tokens), ...).",
        ),
        Mistake(
            "a draw for every token",
            lambda tokens, null, rate, generator: _replaced(
                torch.rand(tokens.shape, generator=generator) < rate, tokens, null
            ),
            "This knocks holes into captions: hardly one is left whole, and hardly one becomes empty. "
            "Draw one number for each image and give it a second axis, [:, None].",
        ),
        Mistake(
            "keeping where it should drop",
            lambda tokens, null, rate, generator: _replaced(
                torch.rand(len(tokens), generator=generator)[:, None] >= rate, tokens, null
            ),
            "The comparison points the wrong way: a random number is below rate in a share `rate` of cases.",
        ),
        Mistake(
            "zeros instead of the null condition",
            lambda tokens, null, rate, generator: _replaced(
                torch.rand(len(tokens), generator=generator)[:, None] < rate, tokens, torch.zeros_like(null)
            ),
            "Zeros are only padding. The network learns what it is shown: show it the null tokens, the same "
            "that sampling will show it.",
        ),
        Mistake(
            "without the generator",
            lambda tokens, null, rate, generator: _replaced(
                torch.rand(len(tokens))[:, None] < rate, tokens, null
            ),
            "The shares are right, but the draw ignores `generator`, so that no seed can repeat a training.",
        ),
        Mistake(
            "the same number in every batch",
            _as_many,
            "Every batch loses the same number of captions, and a share of a small batch is rounded away: "
            "10% of 4 images would be none, ever. Let one random number for each image decide.",
        ),
        Mistake(
            "changed in place",
            _in_place,
            "The tokens that came in were overwritten, and with them the captions of the data: the next "
            "epoch would find them empty. Clone first, or use torch.where.",
        ),
        Mistake(
            "always the first images of the batch",
            lambda tokens, null, rate, generator: _first(tokens, null, rate),
            "Which images lose their caption must be left to chance. And a share of a small batch is rounded "
            "away: 10% of 8 images would be none.",
        ),
    ),
    hints=(
        "One random number for each image decides: torch.rand(len(tokens), generator=generator) < rate.",
        "torch.where(condition, a, b) takes a where the condition holds. Beside tokens of (B, M) the "
        "condition needs the shape (B, 1).",
        "torch.where(chosen[:, None], null_tokens, tokens).",
    ),
    insight="One line of training, and the same network answers both with a caption and without.",
)
