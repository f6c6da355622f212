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

    shape: tuple[int, ...] = ()  # of the answer; none where shapes did not fit together and it stopped
    tokens_as_they_came: bool = True
    share_of_images_that_are_neither_kept_nor_null: float = -1.0
    share_of_images_dropped: float = -1.0
    share_of_batches_dropped_as_a_whole: float = -1.0
    as_many_dropped_in_every_batch: bool = False
    the_same_images_dropped_in_every_batch: bool = False
    same_for_the_same_seed: bool = False


def watched(function):
    """The function, seen at work on many batches: rate -> Watched, or None while there is no answer."""
    null_tokens = torch.tensor([2, 3, 0, 0, 0])
    words = torch.randint(4, 100, (BATCHES, IMAGES, TOKENS), generator=torch.Generator().manual_seed(0))

    def see(rate):
        images, batches, other, as_they_came, choices = 0, 0, 0, True, set()
        generator = torch.Generator().manual_seed(1)
        for tokens in words:
            given = tokens.clone()
            try:
                answer = function(given, null_tokens, rate, generator)
            except RuntimeError as error:
                if not {f"({IMAGES})", f"({TOKENS})"} <= set(str(error).split()):
                    raise
                return Watched()
            if not isinstance(answer, Tensor):
                return answer
            as_they_came &= torch.equal(given, tokens)
            if answer.shape != tokens.shape:
                return Watched(tuple(answer.shape), as_they_came)
            dropped, kept = (answer == null_tokens).all(1), (answer == tokens).all(1)
            images += int(dropped.sum())
            choices.add(tuple(dropped.tolist()))
            batches += bool(dropped.all())
            other += int((~dropped & ~kept).sum())
        seeds = (torch.Generator().manual_seed(2) for _ in range(2))
        twice = [function(words[:9].flatten(0, 1).clone(), null_tokens, 0.5, seed) for seed in seeds]
        total = BATCHES * IMAGES
        shares = round(other / total, 1), round(images / total, 1), round(batches / BATCHES, 1)
        fixed = len(set(map(sum, choices))) == 1, len(choices) == 1
        return Watched((IMAGES, TOKENS), as_they_came, *shares, *fixed, torch.equal(*twice))

    see.given = lambda rate: f"{BATCHES:,} batches of {IMAGES} captions at rate {rate}"
    return see


def _replaced(chosen, tokens, null_tokens):
    return torch.where(chosen, null_tokens, tokens)


def _as_many(whole, by_chance):
    """Drops the same number of images of every batch, made whole by int or round: any, or the first ones."""

    def answer(tokens, null_tokens, rate, generator):
        n, out = len(tokens), tokens.clone()
        order = torch.randperm(n, generator=generator) if by_chance else torch.arange(n)
        out[order[: whole(rate * n)]] = null_tokens
        return out

    return answer


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
        *(
            Mistake(
                "the same number in every batch",
                _as_many(whole, by_chance=True),
                "Every batch loses the same number of captions, and a share of a small batch is rounded "
                "away: 10% of 4 images would be none, ever. Let one random number for each image decide.",
            )
            for whole in (int, round)
        ),
        Mistake(
            "changed in place",
            _in_place,
            "The tokens that came in were overwritten, and with them the captions of the data: the next "
            "epoch would find them empty. Clone first, or use torch.where.",
        ),
        *(
            Mistake(
                "always the first images of the batch",
                _as_many(whole, by_chance=False),
                "Which images lose their caption must be left to chance. And a share of a small batch is "
                "rounded away: 10% of 4 images would be none.",
            )
            for whole in (int, round)
        ),
        Mistake(
            "a missing axis",
            lambda tokens, null, rate, generator: _replaced(
                torch.rand(len(tokens), generator=generator) < rate, tokens, null
            ),
            "PyTorch could not bring (B,) and (B, M) together: it lines up last axes, and so puts one number "
            "for each image beside the tokens of an image. Give the numbers a second axis, [:, None]: (B, 1) "
            "fits all tokens of each image.",
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
