"""Two exercises of lesson 05: the timestep as a vector, and how it scales and shifts features."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import math

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake


def time_embedding(t, dim):
    """Cosines, then sines, of t at dim/2 frequencies that fall geometrically from 1 to nearly 1/10000."""
    half = dim // 2
    frequencies = 10_000 ** (-torch.arange(half) / half)
    angles = t[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def _embedded(frequencies=lambda i, half: 10_000 ** (-i / half), joined=None):
    """A wrong embedding: other frequencies, or cosines and sines in another order."""

    def answer(t, dim):
        half = dim // 2
        angles = t[:, None] * frequencies(torch.arange(half), half)
        parts = [angles.cos(), angles.sin()]
        return joined(*parts) if joined else torch.cat(parts, dim=1)

    return answer


embedding_exercise = Exercise(
    name="the time embedding",
    solution=time_embedding,
    cases=lambda: [(torch.tensor([0, 1, 500, 999]), 8), (torch.arange(0, 1000, 111), 64)],
    tolerance=1e-3,  # a cosine of 999, in float32, is known to four digits
    mistakes=(
        Mistake(
            "sines first",
            _embedded(joined=lambda cos, sin: torch.cat([sin, cos], dim=1)),
            "Every number is right, but weights that were trained on the other order would not understand "
            "it. Stable Diffusion has the cosines first.",
        ),
        Mistake(
            "sines and cosines in turn",
            _embedded(joined=lambda cos, sin: torch.stack([cos, sin], dim=2).flatten(1)),
            "That is the order of the first Transformer paper. Here all the cosines stand before all the "
            "sines: torch.cat, not stack.",
        ),
        Mistake(
            "dividing by dim/2 - 1",
            _embedded(lambda i, half: 10_000 ** (-i / (half - 1))),
            "With half - 1 the last frequency is exactly 1/10000, as in the code of the DDPM paper. Latent "
            "diffusion divides by half. Weights of one are no good with the other.",
        ),
        Mistake(
            "dividing by dim",
            _embedded(lambda i, half: 10_000 ** (-i / (2 * half))),
            "i runs from 0 to dim/2 - 1, so that i / dim only reaches a half: the slowest wave is far too "
            "fast.",
        ),
        Mistake(
            "frequencies on a straight line",
            _embedded(lambda i, half: 1 - (1 - 1e-4) * i / half),
            "The frequencies should fall by the same factor from each to the next, not by the same amount: "
            "an exponent, 10000 ** (-i / half).",
        ),
        Mistake(
            "the sign of the exponent",
            _embedded(lambda i, half: 10_000 ** (i / half)),
            "Your frequencies grow to thousands of radians a step: pure chance. The minus is missing.",
        ),
        Mistake(
            "whole turns",
            _embedded(lambda i, half: 2 * math.pi * 10_000 ** (-i / half)),
            "With 2π the fastest wave makes a whole turn at every step and says nothing. No 2π here.",
        ),
    ),
    hints=(
        "First the dim/2 frequencies, then the angles: every t times every frequency, (B, dim/2). For that t "
        "needs a second axis, t[:, None]; without it, the two shapes don't meet.",
        "frequencies = 10000 ** (-torch.arange(half) / half); angles = t[:, None] * frequencies.",
        "torch.cat([angles.cos(), angles.sin()], dim=1).",
    ),
    insight="Fast waves tell neighbours apart, slow ones tell early from late.",
)


def scale_shift(h, vector):
    """Features times 1 + scale, plus shift: one of each for every channel of every image."""
    scale, shift = vector.chunk(2, dim=1)
    return h * (1 + scale[:, :, None, None]) + shift[:, :, None, None]


def _everywhere(*parts):
    return [part[:, :, None, None] for part in parts]


def _mixed(formula, cut=lambda vector: vector.chunk(2, dim=1)):
    """A wrong use of scale and shift, or another way to cut the vector into the two."""

    def answer(h, vector):
        return formula(h, *_everywhere(*cut(vector)))

    return answer


def _scale_shift_cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    return [(draw(2, 4, 5, 5), draw(2, 8)), (draw(3, 6, 2, 4), draw(3, 12))]


scale_shift_exercise = Exercise(
    name="scale and shift",
    solution=scale_shift,
    cases=_scale_shift_cases,
    mistakes=(
        Mistake(
            "forgetting the 1",
            _mixed(lambda h, scale, shift: h * scale + shift),
            "A layer that has just been made says about 0. Then h * scale is 0 and the block is deaf to its "
            "input. 1 + scale begins with the features as they are.",
        ),
        Mistake(
            "scale and shift swapped",
            _mixed(lambda h, shift, scale: h * (1 + scale) + shift),
            "The first half of the vector is the scale, the second the shift.",
        ),
        Mistake(
            "cut in turns",
            _mixed(
                lambda h, scale, shift: h * (1 + scale) + shift,
                lambda vector: (vector[:, ::2], vector[:, 1::2]),
            ),
            "You took every other number. The first C numbers are the scales, the last C the shifts: chunk.",
        ),
        Mistake(
            "shifting before scaling",
            _mixed(lambda h, scale, shift: (h + shift) * (1 + scale)),
            "The order matters: scale first, then shift.",
        ),
        Mistake(
            "only shifting",
            _mixed(lambda h, scale, shift: h + shift),
            "That is the additive way. The scale is missing.",
        ),
    ),
    hints=(
        "vector.chunk(2, dim=1) cuts (B, 2C) into two tensors of (B, C). Beside (B, C, H, W) each of them "
        "needs two more axes.",
        "scale[:, :, None, None] has the axes (B, C, 1, 1); the shift alike.",
        "h * (1 + scale) + shift.",
    ),
    insight="With a scale, the time can turn a channel off (scale = -1); by adding alone it cannot.",
)
