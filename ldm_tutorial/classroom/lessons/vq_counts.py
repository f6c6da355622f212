"""Two exercises of lesson 02 about counting: codes as moving averages, and how many of them are in use."""

import functools
import math

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake


def ema_update(counts, sums, z, codes, decay):
    """How often each code was chosen and what chose it, as moving averages; their ratio is the code."""
    chosen = torch.nn.functional.one_hot(codes, len(counts)).to(z.dtype)
    counts = decay * counts + (1 - decay) * chosen.sum(0)
    sums = decay * sums + (1 - decay) * chosen.T @ z
    return [counts, sums, sums / counts[:, None]]


def _updated(old=lambda d: d, new=lambda d: 1 - d, of=lambda chosen, z: chosen.T @ z, code=None):
    """A wrong update: other weights of old and new, another sum of a batch, or another code made of both."""

    def answer(counts, sums, z, codes, decay):
        chosen = torch.nn.functional.one_hot(codes, len(counts)).to(z.dtype)
        n = old(decay) * counts + new(decay) * chosen.sum(0)
        m = old(decay) * sums + new(decay) * of(chosen, z)
        return [n, m, code(n, m) if code else m / n[:, None]]

    return answer


def _mean_of_chosen(chosen, z):
    return chosen.T @ z / chosen.sum(0).clamp(min=1)[:, None]


def _overwritten(sums_only=False):
    """An update with += at repeated indices, of which each counts once."""

    def answer(counts, sums, z, codes, decay):
        n, m = torch.zeros_like(counts), torch.zeros_like(sums)
        n[codes] += 1
        m[codes] += z
        if sums_only:
            n = torch.bincount(codes, minlength=len(counts))
        counts, sums = decay * counts + (1 - decay) * n, decay * sums + (1 - decay) * m
        return [counts, sums, sums / counts[:, None]]

    return answer


def _only_chosen(counts, sums, z, codes, decay):
    new_counts, new_sums, _ = ema_update(counts, sums, z, codes, decay)
    chosen = torch.bincount(codes, minlength=len(counts)) > 0
    counts, sums = torch.where(chosen, new_counts, counts), torch.where(chosen[:, None], new_sums, sums)
    return [counts, sums, sums / counts[:, None]]


def _by_old_counts(counts, sums, z, codes, decay):
    new_counts, new_sums, _ = ema_update(counts, sums, z, codes, decay)
    return [new_counts, new_sums, new_sums / counts[:, None]]


_ONCE = (
    "With repeated indices, n[codes] += 1 and m[codes] += z read once and write once: a code that was chosen "
    "seven times still gets one. torch.bincount and index_add_ add up all of them."
)


def _ema_cases():
    generator = torch.Generator().manual_seed(0)
    counts = 1 + 3 * torch.rand(4, generator=generator)
    sums, z = torch.randn(4, 2, generator=generator), torch.randn(12, 2, generator=generator)
    codes = torch.tensor([0, 1, 2, 2, 0, 2, 1, 2, 2, 0, 2, 2])  # code 3 is chosen by none
    return [(counts, sums, z, codes, 0.9), (counts, sums, z.flip(0), codes, 0.5)]


ema_exercise = Exercise(
    name="codes as moving averages",
    solution=ema_update,
    cases=_ema_cases,
    mistakes=(
        Mistake(
            "old and new swapped",
            _updated(old=lambda d: 1 - d, new=lambda d: d),
            "The decay is the weight of what is remembered. With 0.99 a batch should change 1% of it.",
        ),
        Mistake(
            "means in place of sums",
            _updated(of=_mean_of_chosen),
            "sums holds the sum of the vectors that chose a code. You added their mean and then divided by "
            "how many they are once more.",
        ),
        Mistake(
            "not divided",
            _updated(code=lambda _n, m: m),
            "A sum over many vectors lies far away from them. The code is their mean: divide by the counts.",
        ),
        Mistake(
            "divided by all",
            _updated(code=lambda n, m: m / n.sum()),
            "Each code is divided by its own count, not by the number of all vectors.",
        ),
        Mistake(
            "nothing forgotten",
            _updated(old=lambda _d: 1.0, new=lambda _d: 1.0),
            "That is the mean over all time. While the encoder still learns, old latents mean nothing now.",
        ),
        Mistake(
            "new weight missing",
            _updated(new=lambda _d: 1.0),
            "Old times decay plus new times 1 - decay. (The code itself comes out right: in the ratio the "
            "missing factor cancels. The counts do not.)",
        ),
        Mistake("repeated codes count once", _overwritten(), _ONCE),
        Mistake(
            "repeated codes are added once", _overwritten(sums_only=True), f"The counts are right. {_ONCE}"
        ),
        Mistake(
            "codes that nobody chose are left out",
            _only_chosen,
            "Their counts and sums must fade as well: chosen 0 times in this batch is part "
            "of the average. (Their code stays where it is all the same: in the ratio the decay cancels.)",
        ),
        Mistake(
            "divided by the old counts",
            _by_old_counts,
            "Counts and sums are right. But the code is the new sum divided by the new count, not the old.",
        ),
    ),
    hints=(
        "How often was each code chosen in this batch? torch.bincount(codes, minlength=len(counts)).",
        "The sum of the vectors that chose each: torch.zeros_like(sums).index_add_(0, codes, z).",
        "Both averages: decay * old + (1 - decay) * new. The codes are sums / counts[:, None].",
    ),
    insight="k-means with a memory: each code is the mean of what chose it, lately.",
)


def perplexity(counts):
    """How many equally frequent codes would carry as much: exp of the entropy."""
    shares = counts / counts.sum()
    return torch.exp(torch.special.entr(shares).sum()).item()


def _told(function):
    """`function` with a name in place of NaN, since a NaN is equal to nothing, not even to another."""

    @functools.wraps(function)
    def told(counts):
        value = function(counts)
        number = value.item() if isinstance(value, torch.Tensor) and value.numel() == 1 else value
        return "NaN" if isinstance(number, float) and math.isnan(number) else value

    return told


perplexity_exercise = Exercise(
    name="perplexity",
    solution=perplexity,
    probe=_told,
    cases=lambda: [
        (torch.tensor([5.0, 5.0, 5.0, 5.0]),),
        (torch.tensor([90.0, 5.0, 3.0, 2.0, 0.0, 0.0]),),
        (torch.tensor([7.0, 1.0, 4.0, 0.0, 2.0, 9.0, 1.0, 1.0]),),
    ],
    mistakes=(
        Mistake(
            "the entropy itself",
            lambda counts: torch.special.entr(counts / counts.sum()).sum().item(),
            "That is the entropy in nats. Its exponential is a number of codes: 4 for four codes used alike.",
        ),
        Mistake(
            "the entropy in bits",
            lambda counts: torch.special.entr(counts / counts.sum()).sum().item() / 0.6931471805599453,
            "That is the entropy in bits. Two to that power is the perplexity.",
        ),
        Mistake(
            "two bases",
            lambda counts: 2 ** torch.special.entr(counts / counts.sum()).sum().item(),
            "The natural logarithm goes with exp, log2 with a power of 2. You have one of each.",
        ),
        Mistake(
            "log2 with exp",
            lambda counts: torch.exp(torch.special.entr(counts / counts.sum()).sum() / math.log(2)).item(),
            "That is exp of an entropy in bits. log2 goes with a power of 2, exp with the natural logarithm.",
        ),
        Mistake(
            "0 log 0",
            lambda counts: torch.exp(-(counts / counts.sum() * (counts / counts.sum()).log()).sum()).item(),
            "It is right where all codes occur. For a code that does not, 0 times the logarithm of 0 is NaN "
            "in floating point; here it counts as 0. Leave out the zeros, or use torch.special.entr.",
        ),
        Mistake(
            "the number of codes that occur",
            lambda counts: int((counts > 0).sum()),
            "That is the usage. A code that occurs once in a million counts as much there as any other.",
        ),
        Mistake(
            "a sign lost",
            lambda counts: torch.exp(-torch.special.entr(counts / counts.sum()).sum()).item(),
            "A perplexity is between 1 and K, yours is below 1. Entropy is minus the sum of p log p.",
        ),
        Mistake(
            "one over the largest share",
            lambda counts: (counts.sum() / counts.max()).item(),
            "That looks at the most frequent code only. Every code has its part in the entropy.",
        ),
    ),
    hints=(
        "First shares that add up to 1. Then the entropy, minus the sum of p log p. Then exp.",
        "Is your answer NaN? 0 log 0 counts as 0: leave out the zeros, or use torch.special.entr.",
    ),
    insight="K when all codes are used alike, 1 when one code does everything.",
)
