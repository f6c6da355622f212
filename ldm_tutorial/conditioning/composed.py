"""Several conditions for one model, each with its own way to the U-Net: a caption and a map at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.conditioning.encoders import EncoderConfig, build_encoder
from ldm_tutorial.conditioning.mechanisms import (
    ClassShift,
    Concatenation,
    ControlHint,
    CrossAttention,
    Routes,
    ScaleShift,
    at_size,
)
from ldm_tutorial.conditioning.tokens import replaced

Mechanism = Literal["cross_attention", "concatenation", "scale_shift", "class_shift", "controlnet"]


@dataclass(frozen=True)
class PartConfig:
    """One condition: its name in a wish, what reads it, and how it reaches the U-Net.

    `drop`: in which share of the training images this part alone is dropped; None never drops it, not even
    with the others: every wish must then give it, and guidance leaves it where it is.
    `fold`: a picture's pixels are first put into channels, fold x fold of them into each place.
    """

    name: str
    encoder: EncoderConfig
    mechanism: Mechanism = "cross_attention"
    drop: float | None = 0.1
    fold: int = 1

    def __post_init__(self):
        if self.drop is not None and not 0 <= self.drop <= 1:
            raise ValueError(f"drop of {self.name} is {self.drop}; it is a share between 0 and 1, or None")


@dataclass(frozen=True)
class ComposedConfig:
    """The parts, and the width that cross-attention's tokens are brought to."""

    parts: tuple[PartConfig, ...]
    context_dim: int = 128

    def __post_init__(self):
        object.__setattr__(self, "parts", tuple(self.parts))  # JSON gives a list back
        names = [part.name for part in self.parts]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"parts are {names}; it takes at least one, and each its own name")


class ComposedConditioner(nn.Module):
    """Wishes of several parts, as dicts, to `Routes`. What a wish leaves out is its part's null condition."""

    def __init__(self, config: ComposedConfig):
        super().__init__()
        self.config = config
        self.encoders = nn.ModuleDict({part.name: build_encoder(part.encoder) for part in config.parts})
        self.mechanisms = nn.ModuleDict(
            {part.name: self.mechanism(part, self.encoders[part.name]) for part in config.parts}
        )

    def mechanism(self, part: PartConfig, encoder: nn.Module) -> nn.Module:
        is_picture = hasattr(encoder, "channels")
        if is_picture and encoder.config.size % part.fold:
            raise ValueError(
                f"fold of {part.name} is {part.fold}, which does not divide {encoder.config.size}"
            )
        width = encoder.channels * part.fold**2 if is_picture else encoder.context_dim
        if part.mechanism == "cross_attention":
            return CrossAttention(width, self.config.context_dim)
        others = {"concatenation": Concatenation, "scale_shift": ScaleShift, "class_shift": ClassShift}
        return (others | {"controlnet": ControlHint})[part.mechanism](width)

    @property
    def needs(self) -> dict:
        """What the U-Net must have: context_dim, added_dim, use_scale_shift_norm, in_channels beside its own.

        And the hint_channels of a ControlNet. Widths of parts that enter at the same place add up.
        """
        found = {}
        for mechanism in self.mechanisms.values():
            for name, value in mechanism.needs.items():
                adds_up = name in ("in_channels", "added_dim", "hint_channels")
                found[name] = found.get(name, 0) + value if adds_up else value
        return found

    @property
    def text(self) -> str | None:
        """The name of the part that reads captions; a wish that is a string goes to it."""
        return next((n for n, encoder in self.encoders.items() if hasattr(encoder, "unknown_words")), None)

    def unknown_words(self, caption: str) -> list[str]:
        """The words that the part that reads captions does not know."""
        return self.encoders[self.text].unknown_words(caption)

    @property
    def null_tokens(self) -> dict[str, Tensor]:
        """The null condition of every part that has one, on the CPU."""
        kept = [part.name for part in self.config.parts if part.drop is None]
        return {name: encoder.null_tokens for name, encoder in self.encoders.items() if name not in kept}

    def named(self, wish) -> Mapping:
        """A wish as a dict of parts. A single part, or the one that reads captions, need not be named."""
        names = list(self.encoders)
        if isinstance(wish, Mapping) and wish.keys() <= set(names):
            return wish
        if isinstance(wish, str) and self.text is not None:
            return {self.text: wish}
        if len(names) == 1:
            return {names[0]: wish}
        given = ", ".join(map(str, wish)) if isinstance(wish, Mapping) else type(wish).__name__
        raise ValueError(f"a wish has {given}; this model reads {', '.join(names)}")

    def tokenize(self, conditions: Sequence, others: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
        """Wishes to the tokens of every part, on the CPU; what they leave out is null, or as in `others`.

        Raises ValueError for a part that isn't there or must not be left out, and what the parts raise.
        """
        wishes, tokens = [self.named(each) for each in conditions], {}
        for part in self.config.parts:
            encoder = self.encoders[part.name]
            given = [row for row, wish in enumerate(wishes) if wish.get(part.name) is not None]
            if part.drop is None and others is None and len(given) < len(wishes):
                raise ValueError(
                    f"a wish has no {part.name!r}, and this model was never trained without it; give one"
                )
            if others is not None:
                tokens[part.name] = others[part.name].cpu().clone()
            else:
                null = encoder.null_tokens
                tokens[part.name] = null.expand(len(wishes), *null.shape).clone()
            if given:
                tokens[part.name][given] = encoder.tokenize([wishes[row][part.name] for row in given])
        return tokens

    def hide(self, tokens: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
        """For training: each part dropped on its own, at its rate; of what is left, a part hidden.

        All parts together are dropped by `ConditionDropout` afterwards, at a rate of its own.
        """
        out = dict(tokens)
        for part in self.config.parts:
            encoder = self.encoders[part.name]
            if hasattr(encoder, "hide"):
                out[part.name] = encoder.hide(out[part.name], generator)
            if part.drop:
                drop = torch.rand(len(out[part.name]), generator=generator, device=generator.device)
                out[part.name] = replaced(out[part.name], encoder.null_tokens, drop < part.drop)
        return out

    def forward(self, tokens: dict[str, Tensor]) -> Routes:
        """tokens: for every part those of its encoder, all of the same batch."""
        routes = []
        for part in self.config.parts:
            encoded = self.encoders[part.name](tokens[part.name])
            if isinstance(encoded, Tensor) and part.fold > 1:
                encoded = F.pixel_unshuffle(encoded, part.fold)
            routes.append(self.mechanisms[part.name](encoded))
        return Routes(*(joined([getattr(route, name) for route in routes]) for name in Routes._fields))


def joined(parts: list[Tensor | None]) -> Tensor | None:
    """What takes the same entrance: one behind the other, pictures at the size of the largest."""
    parts = [part for part in parts if part is not None]
    if not parts:
        return None
    if parts[0].ndim == 4:
        height, width = max(part.shape[2:] for part in parts)
        parts = [at_size(part, height, width) for part in parts]
    return torch.cat(parts, dim=1)
