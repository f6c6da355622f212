"""Exercises of lesson 00, Welcome."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import re

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.conditioning.captions import split_words


def to_bytes(x):
    """Images in [-1, 1] to bytes 0..255: shift and stretch, round, clip, and only then change the type."""
    return ((x + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)


def _byte_cases():
    torch.manual_seed(0)
    # Values beyond [-1, 1] occur: a decoder is not told to stop there.
    return [(torch.linspace(-1, 1, 48).view(3, 4, 4),), (1.2 * torch.randn(2, 3, 8, 8).clamp(-1.5, 1.5),)]


bytes_exercise = Exercise(
    name="floats to bytes",
    solution=to_bytes,
    cases=_byte_cases,
    mistakes=(
        Mistake(
            "treating [-1, 1] as [0, 1]",
            lambda x: (x * 255).round().clamp(0, 255).to(torch.uint8),
            "Multiplying by 255 is right for images in [0, 1]. Here -1 is black: all below 0 is lost. "
            "Add 1 first; the range is then 2 wide.",
        ),
        Mistake(
            "cutting off instead of rounding",
            lambda x: ((x + 1) * 127.5).clamp(0, 255).to(torch.uint8),
            "The conversion cuts the decimals off, which darkens the picture by half a level. Round first.",
        ),
        Mistake(
            "128 for 127.5",
            lambda x: ((x + 1) * 128).round().clamp(0, 255).to(torch.uint8),
            "The range from -1 to 1 is 2 wide and bytes go up to 255, so the slope is 255 / 2.",
        ),
        Mistake(
            "no clipping",
            lambda x: ((x + 1) * 127.5).round().to(torch.int64).remainder(256).to(torch.uint8),
            "Values a little above 1 wrap around to black and show as speckles. Clip to 0..255 before uint8.",
        ),
        Mistake(
            "forgetting the type",
            lambda x: ((x + 1) * 127.5).round().clamp(0, 255),
            "The numbers are right, but they are still floats. End with .to(torch.uint8).",
        ),
    ),
    hints=(
        "Which number must become 0, and which 255? Write down the straight line through these two points.",
        "(x + 1) * 127.5 is that line. What if x is 1.01? What does uint8 do with 126.9?",
        "Line, then .round(), then .clamp(0, 255), then .to(torch.uint8): in this order.",
    ),
    insight="Every picture in this course passes through these four steps on its way to your screen.",
)


def compression(height, width, f, c):
    """How many times fewer numbers a latent has than its image."""
    return (3 * height * width) / (c * (height // f) * (width // f))


def _per_side(height, width, f, c):
    return (3 * height * width) / (c * height * width / f)


compression_exercise = Exercise(
    name="compression factor",
    solution=compression,
    cases=lambda: [(64, 64, 4, 4), (512, 512, 8, 4), (256, 128, 4, 3), (64, 64, 4, 5)],
    mistakes=(
        Mistake(
            "dividing by f only once",
            _per_side,
            "Both sides shrink by f, so the number of places shrinks by f times f.",
        ),
        Mistake(
            "forgetting the channels",
            lambda height, width, f, c: float(f * f),
            "f * f counts places. An image has 3 numbers at each place, a latent has c.",
        ),
        Mistake(
            "forgetting the colours",
            lambda height, width, f, c: (height * width) / (c * (height // f) * (width // f)),
            "An image has red, green and blue: 3 numbers at each place.",
        ),
        Mistake(
            "the other way up",
            lambda height, width, f, c: (c * (height // f) * (width // f)) / (3 * height * width),
            "That is the share that is left. Asked for is how many times fewer: image over latent.",
        ),
    ),
    hints=(
        "Count the numbers in an image of shape (3, height, width). Then count those in its latent.",
        "The latent has the shape (c, height / f, width / f).",
    ),
    insight="Every denoising step, dozens of them a picture, works on that many fewer numbers.",
)


def unknown_words(caption, vocabulary):
    """The words of a caption that the text encoder has never seen, in order."""
    return [word for word in split_words(caption) if word not in vocabulary]


def _caption_cases():
    vocabulary = {"a", "person", "with", "long", "hair", "and", "glasses", "smiling", ",", "."}
    return [
        ("a person with purple hair", vocabulary),
        ("A person with long hair, smiling.", vocabulary),
        ("Smiling, with a Ferrari and glasses.", vocabulary),
        ("A person with a zebra, a ferrari, an apple and a zebra.", vocabulary),
    ]


unknown_exercise = Exercise(
    name="unknown words",
    solution=unknown_words,
    cases=_caption_cases,
    mistakes=(
        Mistake(
            "capital letters",
            lambda caption, vocabulary: [
                word for word in re.findall(r"\w+|[^\w\s]", caption) if word not in vocabulary
            ],
            "'Smiling' is in the vocabulary as 'smiling': make the caption lower case first.",
        ),
        Mistake(
            "commas glued to words",
            lambda caption, vocabulary: [word for word in caption.lower().split() if word not in vocabulary],
            "split() leaves 'hair,' in one piece. A punctuation mark is a word of its own: use split_words.",
        ),
        Mistake(
            "capital letters and glued commas",
            lambda caption, vocabulary: [word for word in caption.split() if word not in vocabulary],
            "split() leaves 'hair,' in one piece and keeps capital letters. split_words does neither.",
        ),
        Mistake(
            "each word only once",
            lambda caption, vocabulary: [
                word for word in dict.fromkeys(split_words(caption)) if word not in vocabulary
            ],
            "A word that the caption says twice is not understood twice: keep repeats.",
        ),
        Mistake(
            "the caption's order lost",
            lambda caption, vocabulary: sorted(set(split_words(caption)) - vocabulary),
            "A set forgets order and repeats. Go through the words of the caption one by one.",
        ),
        Mistake(
            "the known words instead of the unknown",
            lambda caption, vocabulary: [
                word for word in re.findall(r"\w+|[^\w\s]", caption.lower()) if word in vocabulary
            ],
            "These are the words that it knows. Turn the condition around.",
        ),
    ),
    hints=(
        "Cut the caption into words as the tokenizer does: split_words(caption) is imported above.",
        "A list comprehension with `if word not in vocabulary` is enough.",
    ),
    insight="An unknown word is read as <unk>: the model draws something, and nobody warns you.",
)

EXERCISES = (bytes_exercise, compression_exercise, unknown_exercise)
