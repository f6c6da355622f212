"""Exercise of lesson 07: weights that leave padded tokens out."""

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.conditioning import Condition


def masked_weights(scores, mask):
    """Attention weights (B, N, M) of scores (B, N, M), 0 where mask (B, M) says that a token is padding."""
    return torch.softmax(scores.masked_fill(~mask[:, None, :], -torch.inf), dim=-1)


def _filled(where, value=-torch.inf):
    """Another mask: the scores get `value` where `where(mask)`, broadcast to (B, N, M), is True."""
    return lambda scores, mask: torch.softmax(scores.masked_fill(where(mask), value), dim=-1)


def padding_read(reader, tokens):
    """The Condition of tokens (B, M) as it would be if the encoder and the U-Net read padding like words."""
    everything = torch.ones_like(reader(tokens).mask)
    vectors = reader.words(tokens)
    for block in reader.blocks:
        vectors = block(vectors, everything)
    return Condition(reader.norm(vectors), everything)


def _times_infinity(scores, mask):
    return torch.softmax(scores + (~mask)[:, None, :] * -torch.inf, dim=-1)


def _zeroed_after(scores, mask):
    return torch.softmax(scores, dim=-1) * mask[:, None, :]


def _cases():
    # As many images as places as tokens: so a mask along a wrong axis runs, and is told from the right one.
    generator = torch.Generator().manual_seed(0)
    return [
        (torch.randn(4, 4, 4, generator=generator), torch.arange(4) < torch.tensor([[4], [3], [2], [3]])),
        (2 * torch.randn(3, 3, 3, generator=generator) - 9, torch.arange(3) < torch.tensor([[2], [3], [2]])),
    ]


masked_weights_exercise = Exercise(
    name="the mask",
    solution=masked_weights,
    cases=_cases,
    any_float=True,
    mistakes=(
        Mistake(
            "these are scores",
            lambda scores, mask: scores.masked_fill(~mask[:, None, :], -torch.inf),
            "The mask is right, but weights were asked for: take the softmax over the tokens, the last axis.",
        ),
        Mistake(
            "the mask is not used",
            lambda scores, _mask: torch.softmax(scores, dim=-1),
            "The padding gets a share like any word. Give it a score of minus infinity first.",
        ),
        Mistake(
            "a score of 0",
            _filled(lambda mask: ~mask[:, None, :], 0.0),
            "exp(0) is 1, not 0: the padding still gets a share. A weight of 0 needs a score of "
            "minus infinity.",
        ),
        Mistake(
            "not low enough",
            _filled(lambda mask: ~mask[:, None, :], -10.0),
            "exp(-10) is small, but not 0, and where real scores are as low, the padding gets a share like "
            "theirs. Only minus infinity is below all scores.",
        ),
        Mistake(
            "zeros after the softmax",
            _zeroed_after,
            "The padding has its share taken away, but nobody gets it: the weights no longer add up to 1, "
            "and the answer depends on how much padding there was. Mask the scores, before the softmax.",
        ),
        Mistake(
            "the mask upside down",
            _filled(lambda mask: mask[:, None, :]),
            "mask is True where a token is real. Fill where it is not: ~mask.",
        ),
        Mistake(
            "masking the places",
            _filled(lambda mask: ~mask[:, :, None]),
            "You mask rows, the places of the picture, and a row that is all minus infinity becomes NaN. "
            "Padding is among the tokens, the last axis: mask[:, None, :].",
        ),
        Mistake(
            "the mask of another image",
            _filled(lambda mask: ~mask),
            "Without an axis for the places, torch lines (B, M) up with (N, M): place number n gets the mask "
            "of image number n. It runs only because both are equally many here. Write mask[:, None, :].",
        ),
        Mistake(
            "0 times infinity",
            _times_infinity,
            "0 · ∞ is NaN, not 0, so that real tokens are spoiled too. Use masked_fill or torch.where.",
        ),
        Mistake(
            "softmax over the places",
            lambda scores, mask: torch.softmax(scores.masked_fill(~mask[:, None, :], -torch.inf), dim=1),
            "A column of padding is minus infinity everywhere, and its softmax NaN. The softmax is over the "
            "tokens, the last axis.",
        ),
    ),
    hints=(
        "exp of which number is 0? Give the padding that score, before the softmax.",
        "mask is (B, M) and scores (B, N, M): mask[:, None, :] is the same for all places.",
        "scores.masked_fill(~mask[:, None, :], -torch.inf), then the softmax over the last axis.",
    ),
    insight="Captions of different lengths share a batch, and none knows how long the others are.",
)
