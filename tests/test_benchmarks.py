"""The stopwatch of the benchmarks."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def timing(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    return pytest.importorskip("benchmarks.timing")


def test_contestants_take_turns_and_neither_is_always_first(timing):
    calls = []
    seconds = timing.take_turns({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=4)
    assert "".join(calls) == "abba" + "abbaabba", "two rounds to warm up, four that count"
    assert {name: len(s) for name, s in seconds.items()} == {"a": 4, "b": 4}


def test_rates_and_ratios_are_medians(timing):
    seconds = [1.0, 2.0, 2.0, 2.0, 100.0]
    assert timing.rate(seconds, 8).startswith("4 ("), "one slow turn must not count"
    assert timing.ratio([3.0, 6.0, 9.0], [1.0, 2.0, 3.0]) == "3.00 (3.00 to 3.00)", "ratios are per turn"
