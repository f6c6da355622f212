"""Shapes in attention: exercise 2 of lesson 07, and the table of a real network."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

from typing import NamedTuple

from torch import Tensor, nn

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.nn import Attention


class Shapes(NamedTuple):
    """What the exercise asks for; the names are those of its messages."""

    q: tuple[int, ...]
    k: tuple[int, ...]
    weights: tuple[int, ...]
    out: tuple[int, ...]
    axis: int


def shapes(B, C, h, w, M, heads):
    """Of q, of k, of the weights and of what comes out; and which axis of the weights sums to 1."""
    d = C // heads
    return Shapes((B, heads, h * w, d), (B, heads, M, d), (B, heads, h * w, M), (B, C, h, w), axis=3)


def _but(**changed):
    """Everything right but some of the five: functions of (B, C, h, w, M, heads)."""
    return lambda *sizes: shapes(*sizes)._replace(**{name: make(*sizes) for name, make in changed.items()})


shapes_exercise = Exercise(
    name="shapes all the way",
    solution=shapes,
    cases=lambda: [(2, 96, 8, 8, 32, 3), (1, 320, 64, 64, 77, 8)],
    mistakes=(
        Mistake(
            "weights the wrong way round",
            _but(weights=lambda B, C, h, w, M, heads: (B, heads, M, h * w)),
            "q k^T has one row a query and one column a key, and the queries are the places.",
        ),
        Mistake(
            "weights the wrong way round, and their axis too",
            _but(weights=lambda B, C, h, w, M, heads: (B, heads, M, h * w), axis=lambda *_: 2),
            "Consistent, but turned: q k^T has one row a query (a place) and one column a key (a token).",
        ),
        Mistake(
            "softmax over the places",
            _but(axis=lambda *_: 2),
            "Then the places would compete for a word. Each place shares out its own 1 among the tokens.",
        ),
        Mistake(
            "the axis counted from behind",
            _but(axis=lambda *_: -1),
            "-1 is the right axis, but count from 0: there are four.",
        ),
        Mistake(
            "queries as wide as all heads",
            _but(q=lambda B, C, h, w, M, heads: (B, heads, h * w, C)),
            "The heads share the C channels out among them. A query has C / heads numbers, as a key has.",
        ),
        Mistake(
            "keys as wide as all heads",
            _but(k=lambda B, C, h, w, M, heads: (B, heads, M, C)),
            "The heads share the channels out among them. A key has C / heads numbers, as a query has: else "
            "they have no product.",
        ),
        Mistake(
            "keys counted by places",
            _but(k=lambda B, C, h, w, M, heads: (B, heads, h * w, C // heads)),
            "The keys come from the tokens: there are M. From the places come the queries.",
        ),
        Mistake(
            "weights among the places",
            _but(weights=lambda B, C, h, w, M, heads: (B, heads, h * w, h * w)),
            "These are the weights of self-attention, where places look at places. Here they look at "
            "M tokens.",
        ),
        Mistake(
            "every head as wide as all",
            _but(
                q=lambda B, C, h, w, M, heads: (B, heads, h * w, C),
                k=lambda B, C, h, w, M, heads: (B, heads, M, C),
            ),
            "The heads share the C channels out among them: C / heads each. More heads cost no more.",
        ),
        Mistake(
            "keys from the picture",
            _but(
                k=lambda B, C, h, w, M, heads: (B, heads, h * w, C // heads),
                weights=lambda B, C, h, w, M, heads: (B, heads, h * w, h * w),
            ),
            "That is self-attention, where the picture asks itself. Here the keys come from the M tokens.",
        ),
        Mistake(
            "an answer for each token",
            _but(out=lambda B, C, h, w, M, heads: (B, C, M)),
            "Each query gets one answer, and the queries are the places. So what comes out has the picture's "
            "shape, however long the caption is.",
        ),
        Mistake(
            "places not flattened",
            _but(
                q=lambda B, C, h, w, M, heads: (B, heads, h, w, C // heads),
                weights=lambda B, C, h, w, M, heads: (B, heads, h, w, M),
                axis=lambda *_: 4,
            ),
            "Attention knows no rows and columns: its queries stand in one line, h · w of them.",
        ),
        Mistake(
            "what comes out left in a line",
            _but(out=lambda B, C, h, w, M, heads: (B, h * w, C)),
            "So it leaves attention. But it is added to the features, and so it is folded to (B, C, h, w).",
        ),
        Mistake(
            "heads behind the places",
            _but(
                q=lambda B, C, h, w, M, heads: (B, h * w, heads, C // heads),
                k=lambda B, C, h, w, M, heads: (B, M, heads, C // heads),
            ),
            "So they stand before they are moved. For q k^T the heads must stand with the batch: in front.",
        ),
    ),
    hints=(
        "Who asks? The h · w places of the picture. Who is asked? The M tokens.",
        "q and k are (B, heads, how many, C / heads). The weights have one row a query, one column a key.",
        "What comes out is added to the features, and so has their shape.",
    ),
    insight="The length of the caption is gone at the end: a network takes captions of any length.",
)


class ShapeTable:
    """The attentions of a network with their sizes, filled while it is called once.

    Usage: `with ShapeTable(unet) as shapes: unet(z, t, context, mask)`, then `shapes.rows`.
    """

    def __init__(self, network: nn.Module):
        self.found = {n: m for n, m in network.named_modules() if isinstance(m, Attention)}
        self.rows, self.hooks = [], []

    def __enter__(self):
        for name, module in self.found.items():
            self.hooks.append(module.register_forward_pre_hook(self.noting(name), with_kwargs=True))
        return self

    def __exit__(self, *error):
        for hook in self.hooks:
            hook.remove()

    def noting(self, name: str):
        def note(module: Attention, args: tuple, _kwargs: dict) -> None:
            x: Tensor = args[0]
            (_, places, channels), heads = x.shape, module.heads
            tokens = args[1].shape[1] if module.is_cross else places
            self.rows.append(
                {
                    "layer": name.split(".attention")[0],
                    "kind": "cross" if module.is_cross else "self",
                    "places": places,
                    "channels": channels,
                    "heads": heads,
                    "each head": channels // heads,
                    "looks at": tokens,
                    "attention weights": heads * places * tokens,
                }
            )

        return note
