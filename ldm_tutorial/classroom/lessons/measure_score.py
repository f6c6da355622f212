"""An exercise of lesson 10: the Inception score from probabilities."""

import math

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake


def score(p):
    """exp of the mean KL divergence of each p(y|x) from their mean p(y)."""
    marginal = p.mean(0)
    divergence = torch.xlogy(p, p / marginal.clamp(min=1e-30)).sum(1)  # 0 log 0 is 0
    return divergence.mean().exp().item()


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
            lambda p: (p * (p / p.mean(0)).log()).sum(1).mean().exp().item(),
            "The formula is right, but where a probability is 0, its logarithm is minus infinity, and 0 "
            "times that is NaN. What is 0 adds nothing: torch.xlogy(p, p) is p log p with 0 at 0.",
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
        Mistake(
            "the divergence the wrong way round",
            lambda p: (p.mean(0) * (p.mean(0) / p).log()).sum(1).mean().exp().item(),
            "KL(p(y|x) || p(y)) has p(y|x) in front of the logarithm and on top of the fraction.",
        ),
        Mistake(
            "the mean over the classes",
            lambda p: (math.log(p.shape[1]) - _entropy(p).mean()).exp().item(),
            "p(y) is the mean over the pictures, the first axis: how often each class comes.",
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
    ),
    hints=(
        "p(y) is p.mean(0). For each picture the divergence is the sum over classes of p(y|x) · log(p(y|x) "
        "/ p(y)).",
        "Where p is 0, so is its term: torch.xlogy(p, p) - torch.xlogy(p, p.mean(0)).",
        "The mean over the pictures, then exp.",
    ),
    insight="It never asks how real pictures look: it cannot know whether yours are like them.",
)
