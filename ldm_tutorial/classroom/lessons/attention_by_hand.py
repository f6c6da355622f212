"""Exercise of lesson 07: attention from q, k and v, by hand."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake


def attention(q, k, v):
    """softmax(q k^T / sqrt(d)) v: q (N, d), k (M, d), v (M, c) -> (N, c) (Vaswani et al. 2017, eq. 1)."""
    scores = q @ k.T / q.shape[-1] ** 0.5
    return torch.softmax(scores, dim=-1) @ v


def _weighed(weights):
    """Another attention: its weights (N, M) of the products (N, M) and the number of dimensions d."""
    return lambda q, k, v: weights(q @ k.T, q.shape[-1]) @ v


def _unnormalised(products, d):
    return (products / d**0.5).exp()


def _over_all(products, d):
    return torch.softmax((products / d**0.5).flatten(), dim=0).view_as(products)


def _hard(q, k, v):
    return v[(q @ k.T).argmax(dim=-1)]


def _keys_mixed(q, k, _v):
    return torch.softmax(q @ k.T / q.shape[-1] ** 0.5, dim=-1) @ k


def _root_of_width(q, k, v):
    return torch.softmax(q @ k.T / v.shape[-1] ** 0.5, dim=-1) @ v


def _cosine(q, k, v):
    alike = torch.cosine_similarity(q[:, None], k[None], dim=-1)
    return torch.softmax(alike, dim=-1) @ v


def _cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    return [(draw(6, 16), draw(4, 16), draw(4, 3)), (3 * draw(5, 8), draw(7, 8), draw(7, 2))]


attention_exercise = Exercise(
    name="attention by hand",
    solution=attention,
    cases=_cases,
    any_float=True,
    mistakes=(
        Mistake(
            "forgetting the root of d",
            _weighed(lambda s, d: torch.softmax(s, dim=-1)),
            "A product of two vectors is a sum of d terms, so it grows with √d. Divide by √d before the "
            "softmax, or a layer of many dimensions looks at a single token from the start.",
        ),
        Mistake(
            "dividing by d",
            _weighed(lambda s, d: torch.softmax(s / d, dim=-1)),
            "The variance of the products is d, their standard deviation √d. Divide by the root.",
        ),
        Mistake(
            "the root of the number of queries",
            _weighed(lambda s, d: torch.softmax(s / s.shape[0] ** 0.5, dim=-1)),
            "You divide by √N. A product of q and k sums over their d numbers, however many queries there "
            "are: d is q.shape[-1].",
        ),
        Mistake(
            "the root of the number of keys",
            _weighed(lambda s, d: torch.softmax(s / s.shape[1] ** 0.5, dim=-1)),
            "You divide by √M. A product of q and k sums over their d numbers, however many keys there are: "
            "d is q.shape[-1].",
        ),
        Mistake(
            "the root of the values' width",
            _root_of_width,
            "You divide by √c. The values have no part in the scores; what grows with d is q · k: d is "
            "q.shape[-1].",
        ),
        Mistake(
            "multiplying by the root of d",
            _weighed(lambda s, d: torch.softmax(s * d**0.5, dim=-1)),
            "The products are too large already. Divide by √d.",
        ),
        Mistake(
            "softmax over the queries",
            _weighed(lambda s, d: torch.softmax(s / d**0.5, dim=0)),
            "Your weights add up to 1 over the queries, so that they compete for each token. Every query "
            "shares out its own 1 among the keys: the last axis.",
        ),
        Mistake(
            "one softmax for all",
            _weighed(_over_all),
            "All the weights together add up to 1, and every answer is small. Each query has a 1 of its own.",
        ),
        Mistake(
            "dividing after the softmax",
            _weighed(lambda s, d: torch.softmax(s, dim=-1) / d**0.5),
            "The weights must add up to 1, and yours add up to 1/√d. Divide before the softmax.",
        ),
        Mistake(
            "weights that don't add up to 1",
            _weighed(_unnormalised),
            "exp makes the weights positive. Divide by their sum over the keys, or take torch.softmax.",
        ),
        Mistake(
            "no softmax at all",
            _weighed(lambda s, d: s / d**0.5),
            "These are the scores. They may be negative, and they don't add up to 1: take their softmax.",
        ),
        Mistake(
            "only the best key",
            _hard,
            "That is the dictionary: all or nothing. It has no gradient by which q and k could learn. Mix "
            "the values instead, each with its weight.",
        ),
        Mistake(
            "mixing the keys",
            _keys_mixed,
            "The keys only say whether they fit. What is handed out are the values: weights @ v.",
        ),
        Mistake(
            "cosines for products",
            _cosine,
            "A cosine forgets how long q and k are. Here their length counts: a longer query "
            "looks more sharply.",
        ),
    ),
    hints=(
        "First the scores: every query with every key, (N, M). That is one matrix product.",
        "Divide them by √d (d is q.shape[-1]), and take the softmax over the keys, the last axis.",
        "weights @ v. That is all.",
    ),
    insight="And no loop: each of the N queries has read all M tokens.",
)
