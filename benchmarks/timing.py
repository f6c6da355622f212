"""Fair timings on a machine that others use too: contestants take turns, and ratios are per turn."""

import statistics
import time
from collections.abc import Callable

import torch


def take_turns(
    contestants: dict[str, Callable[[], object]], rounds: int, warmup: int = 2
) -> dict[str, list[float]]:
    """Seconds of every call, `rounds` calls each. Every other round runs in the opposite order."""
    names = list(contestants)
    seconds = {name: [] for name in names}
    for number in range(-warmup, rounds):
        for name in names if number % 2 == 0 else reversed(names):
            started = time.perf_counter()
            contestants[name]()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number >= 0:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def rate(seconds: list[float], items: int) -> str:
    """Items a second: the median over the rounds, and the middle half of them."""
    low, middle, high = statistics.quantiles([items / s for s in seconds], n=4)
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def ratio(slower: list[float], faster: list[float]) -> str:
    """How many times faster the second is: the median over the rounds, and the middle half of them."""
    low, middle, high = statistics.quantiles([a / b for a, b in zip(slower, faster, strict=True)], n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"
