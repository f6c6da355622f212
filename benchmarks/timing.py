"""Fair timings on a machine that others use too: contestants take turns, and ratios are per turn."""

import statistics
import time
from collections.abc import Callable, Iterable

import torch


def take_turns(
    contestants: dict[str, Callable[[], object]], rounds: int, warmup: int = 2
) -> dict[str, list[float]]:
    """Seconds of every call, `rounds` calls each. Every other round runs in the opposite order."""
    names, clock = list(contestants), stopwatch()
    seconds = {name: [] for name in names}
    for number in range(-warmup, rounds):
        for name in names if number % 2 == 0 else reversed(names):
            started = clock()
            contestants[name]()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            if number >= 0:
                seconds[name].append(clock() - started)
    return seconds


def stopwatch() -> Callable[[], float]:
    """The time for which the thread has had a core, where there is one thread; else the time on the wall.

    The first does not run while another process has the core.
    """
    one_thread = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    return time.thread_time if one_thread else time.perf_counter


def rate(seconds: list[float], items: int) -> str:
    """Items a second: the median over the rounds, and the middle half of them."""
    return spread((items / s for s in seconds), ".3g")


def ratio(slower: list[float], faster: list[float]) -> str:
    """How many times faster the second is: the median over the rounds, and the middle half of them."""
    return spread((a / b for a, b in zip(slower, faster, strict=True)), ".2f")


def spread(values: Iterable[float], form: str) -> str:
    """The median, and the middle half where there is more than one."""
    values = list(values)
    if len(values) == 1:
        return format(values[0], form)
    low, middle, high = (format(value, form) for value in statistics.quantiles(values, n=4))
    return f"{middle} ({low} to {high})"
