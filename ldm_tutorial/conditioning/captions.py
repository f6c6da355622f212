"""From a caption to vectors: a word-level tokenizer, and a transformer encoder trained with the U-Net.

Latent diffusion trains its text encoder from scratch on the captions of its data (Rombach et al. 2022,
section 4.3.1 and appendix E.2.1). A vocabulary of whole words is enough for the few hundred of a small set.
"""

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ldm_tutorial.conditioning.condition import Condition
from ldm_tutorial.conditioning.transformer import EncoderBlock

SPECIAL_WORDS = ("<pad>", "<unk>", "<start>", "<end>")
PAD, UNKNOWN, START, END = range(4)


def split_words(caption: str) -> list[str]:
    """The words of a caption in lower case; every punctuation mark is a word of its own."""
    return re.findall(r"\w+(?:['’]\w+)*|[^\w\s]", caption.lower())


def build_vocabulary(captions: Iterable[str], min_count: int = 1) -> tuple[str, ...]:
    """The special words, then in alphabetical order every word that occurs at least `min_count` times."""
    counts = Counter(word for caption in captions for word in split_words(caption))
    return SPECIAL_WORDS + tuple(sorted(word for word, count in counts.items() if count >= min_count))


@dataclass(frozen=True)
class CaptionConfig:
    """A caption encoder. `length` counts the start and end tokens; longer captions are cut."""

    vocabulary: tuple[str, ...]
    length: int = 32
    dim: int = 128
    depth: int = 2
    heads: int = 4

    def __post_init__(self):
        object.__setattr__(self, "vocabulary", tuple(self.vocabulary))  # JSON gives a list back
        if self.vocabulary[:4] != SPECIAL_WORDS:
            raise ValueError(
                f"vocabulary starts with {self.vocabulary[:4]}; it must start with {SPECIAL_WORDS}, "
                "as build_vocabulary(captions) makes it"
            )
        if len(set(self.vocabulary)) < len(self.vocabulary):
            twice = [word for word, count in Counter(self.vocabulary).items() if count > 1]
            raise ValueError(f"vocabulary has {twice[0]!r} more than once; every word needs one number")
        if self.length < 3:
            raise ValueError(f"length is {self.length}; a start, an end and one word need at least 3")
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not a multiple of heads {self.heads}")


class CaptionConditioner(nn.Module):
    """Captions to a `Condition`: word embeddings, transformer blocks that know distances, a final LayerNorm.

    The empty caption "" is <start><end>: never nothing, so that its embedding is learned like any other's.
    It is the null condition.
    """

    def __init__(self, config: CaptionConfig):
        super().__init__()
        self.config = config
        self.numbers = {word: number for number, word in enumerate(config.vocabulary)}
        self.words = nn.Embedding(len(config.vocabulary), config.dim)
        self.blocks = nn.ModuleList(
            EncoderBlock(config.dim, config.heads, config.length) for _ in range(config.depth)
        )
        self.norm = nn.LayerNorm(config.dim)
        # As loud as what the blocks add to them. At the usual 0.02 the words drown in it, and the U-Net
        # learns for hours from captions that all look alike.
        nn.init.normal_(self.words.weight, std=1.0)

    @property
    def context_dim(self) -> int:
        return self.config.dim

    @property
    def null_tokens(self) -> Tensor:
        """The tokens (M,) of the empty caption, on the CPU."""
        return self.tokenize([""])[0]

    def unknown_words(self, caption: str) -> list[str]:
        """The words of `caption` that the vocabulary does not have; the encoder reads each as <unk>."""
        return [word for word in split_words(caption) if word not in self.numbers]

    def spell(self, tokens: Tensor) -> list[str]:
        """The word of each token (M,), special ones included: what a column of an attention map is about."""
        return [self.config.vocabulary[number] for number in tokens.tolist()]

    def tokenize(self, conditions: Sequence[str]) -> Tensor:
        """Captions to int64 tokens (B, length) on the CPU. Warns where a caption is too long and is cut."""
        if isinstance(conditions, str):
            raise TypeError(f"conditions is one string, {conditions!r}; give a list of captions")
        room = self.config.length - 2
        rows = []
        for caption in conditions:
            words = split_words(caption)
            if len(words) > room:
                warnings.warn(
                    f"caption {caption!r} has {len(words)} words and the encoder reads {room}: "
                    f"cut before word {room + 1}, {words[room]!r}",
                    stacklevel=2,
                )
            row = [START, *(self.numbers.get(word, UNKNOWN) for word in words[:room]), END]
            rows.append(row + [PAD] * (self.config.length - len(row)))
        return torch.tensor(rows, dtype=torch.int64).view(-1, self.config.length)

    def forward(self, tokens: Tensor) -> Condition:
        """tokens: int64 (B, M), M at most `config.length`."""
        mask = tokens != PAD
        x = self.words(tokens)  # (B, M, d)
        for block in self.blocks:
            x = block(x, mask)
        return Condition(self.norm(x), mask)
