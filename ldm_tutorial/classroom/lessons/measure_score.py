"""An exercise of lesson 10: the Inception score from probabilities."""

import math
from functools import partial

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake


def score(p):
    """exp of the mean KL divergence of each p(y|x) from their mean p(y)."""
    marginal = p.mean(0)
    divergence = torch.xlogy(p, p / marginal.clamp(min=1e-30)).sum(1)  # 0 log 0 is 0
    return divergence.mean().exp().item()


def _naive(p, log=torch.log):
    """The mean divergence with NaN where p is 0."""
    return (p * log(p / p.mean(0))).sum(1).mean()


def _wrong_way(p, tiny):
    """exp of the mean divergence of p(y) from each p(y|x), in which 0 was made `tiny`."""
    marginal = p.mean(0)
    return (marginal * (marginal / p.clamp(min=tiny)).log()).sum(1).mean().exp().item()


def _wrong_way_without_zeros(p):
    terms = p.mean(0) * (p.mean(0) / p).log()
    return terms.masked_fill(p == 0, 0).sum(1).mean().exp().item()


def _entropy(p):
    return -torch.xlogy(p, p).sum(-1)


def _cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda n, k, sure: (sure * torch.randn(n, k, generator=generator)).softmax(1)  # noqa: E731
    certain = torch.eye(4)[[0, 1, 1, 2, 3, 3, 3, 0]]  # a network without doubt: zeros among p
    return [(draw(20, 5, 3.0),), (draw(40, 10, 1.0),), (certain,)]


score_exercise = Exercise(
    name="the Inception score",
    solution=score,
    cases=_cases,
    mistakes=(
        Mistake(
            "without the exp",
            lambda p: math.log(score(p)),
            "That is the mean divergence itself. Its exp is the score: a number of classes, from 1 to all.",
        ),
        Mistake(
            "0 times the logarithm of 0",
            lambda p: _naive(p).exp().item(),
            "The formula is right, but where a probability is 0, its logarithm is minus infinity, and 0 "
            "times that is NaN. What is 0 adds nothing: torch.xlogy(p, p) is p log p with 0 at 0.",
        ),
        Mistake(
            "dropping whole pictures",
            lambda p: (p * (p / p.mean(0)).log()).sum(1).nan_to_num(0).mean().exp().item(),
            "You put 0 where a whole picture's sum is NaN. What is 0 is the single summand p log p: take "
            "care of it before the sum, as torch.xlogy(p, p) does.",
        ),
        Mistake(
            "only how diverse they are",
            lambda p: _entropy(p.mean(0)).exp().item(),
            "That is exp of the entropy of p(y): pictures that are each a bit of everything would score as "
            "high as clear ones.",
        ),
        Mistake(
            "only how clear they are",
            lambda p: _entropy(p).mean().exp().item(),
            "That is exp of the mean entropy of p(y|x), which grows as pictures become less clear. The "
            "score compares each p(y|x) with the mean p(y).",
        ),
        *(
            Mistake(
                "the divergence the wrong way round",
                answer,
                "KL(p(y|x) || p(y)) has p(y|x) in front of the logarithm and on top of the fraction.",
            )
            for answer in (
                *(partial(_wrong_way, tiny=tiny) for tiny in (0, 1e-30, 1e-16, 1e-12, 1e-10, 1e-8)),
                _wrong_way_without_zeros,
            )
        ),
        Mistake(
            "p(y) the same for every class",
            lambda p: (math.log(p.shape[1]) - _entropy(p).mean()).exp().item(),
            "p(y) says how often each class comes, and classes may differ in that. It is the mean over the "
            "pictures, the first axis: p.mean(0). (The mean over the classes, p.mean(1), is the same for "
            "every picture, 1 over the number of classes.)",
        ),
        Mistake(
            "a softmax of probabilities",
            lambda p: score(p.softmax(1)),
            "p holds probabilities already: its rows add up to 1. A softmax belongs to logits, and a second "
            "one makes all classes nearly equal.",
        ),
        Mistake(
            "the mean of the exps",
            lambda p: torch.xlogy(p, p / p.mean(0).clamp(min=1e-30)).sum(1).exp().mean().item(),
            "First the mean over the pictures, then the exp.",
        ),
        Mistake(
            "the sum over the pictures",
            lambda p: math.exp(len(p) * math.log(score(p))),
            "The divergences of all pictures are averaged. With a sum, more pictures would score higher.",
        ),
        Mistake(
            "p(y) as a sum",
            lambda p: score(p) / len(p),
            "p(y) is the mean of the rows, p.mean(0). Their sum is no probability: it does not add up to 1.",
        ),
        Mistake(
            "the divergence with the wrong sign",
            lambda p: 1 / score(p),
            "The fraction in the logarithm is p(y|x) / p(y), so that the divergence is at least 0 and the "
            "score at least 1.",
        ),
        Mistake(
            "dividing by the number of classes",
            lambda p: torch.xlogy(p, p / p.mean(0).clamp(min=1e-30)).mean().exp().item(),
            "A divergence is the sum over the classes; the mean is taken over the pictures only.",
        ),
        Mistake(
            "logarithms to the base 2",
            lambda p: math.exp(math.log(score(p)) / math.log(2)),
            "exp undoes the natural logarithm. With log2, take 2 to the power of the mean.",
        ),
        Mistake(
            "logarithms to the base 2, and 0 times the logarithm of 0",
            lambda p: _naive(p, torch.log2).exp().item(),
            "exp undoes the natural logarithm, .log(). And what is 0 adds nothing, where your sum gets NaN: "
            "torch.xlogy(p, p) is p log p with 0 at 0.",
        ),
        Mistake(
            "2 to the power of the mean",
            lambda p: 2 ** math.log(score(p)),
            "The logarithm is the natural one, and exp undoes it. A power of 2 belongs to log2.",
        ),
        Mistake(
            "without the exp, and 0 times the logarithm of 0",
            lambda p: _naive(p).item(),
            "That is the mean divergence itself; its exp is the score. And what is 0 adds nothing, where "
            "your sum gets NaN: torch.xlogy(p, p) is p log p with 0 at 0.",
        ),
    ),
    hints=(
        "p(y) is p.mean(0). For each picture the divergence is the sum over classes of p(y|x) · log(p(y|x) "
        "/ p(y)).",
        "Where p is 0, so is its term: torch.xlogy(p, p) - torch.xlogy(p, p.mean(0)).",
        "The mean over the pictures, then exp.",
    ),
    insight="It never asks how real pictures look: it cannot know whether yours are like them.",
)
