"""The stopwatch of the benchmarks, and that they compare what they say."""

import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from ldm_tutorial.unet import UNet, UNetConfig

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
    assert timing.rate([2.0], 8) == "4", "a single round has no spread"


def test_one_thread_is_timed_by_what_it_computes(timing, monkeypatch):
    monkeypatch.setattr(timing.torch, "get_num_threads", lambda: 1)
    seconds = timing.take_turns({"sleeping": lambda: time.sleep(0.2)}, rounds=1, warmup=0)
    assert seconds["sleeping"][0] < 0.1 or timing.torch.cuda.is_available(), "waiting must not count"


@pytest.mark.parametrize("rounds", [1, 2])
def test_rows_against_diffusers(timing, rounds):
    """A tiny pair goes through all that the large ones go through, the comparison of outputs included."""
    against = pytest.importorskip("benchmarks.against_diffusers")
    tiny = {"block_out_channels": (8, 8, 8), "layers_per_block": 1, "attention_head_dim": 2}
    rows = against.unet_rows("tiny", tiny | {"norm_num_groups": 4}, rounds, batch=2, side=8)
    assert [len(row) for row in rows] == [len(against.HEADER)] * 3
    assert [row[2:4] for row in rows] == [
        ["2", "training step, own optimizers"],
        ["2", "training step"],
        ["2 x 2", "forward pass, guidance batch"],
    ]


def test_the_large_unet_has_24_million_parameters(timing):
    against = pytest.importorskip("benchmarks.against_diffusers")
    shape = against.LARGE["block_out_channels"], against.LARGE["attention_head_dim"]
    mult = tuple(width // shape[0][0] for width in shape[0])
    config = UNetConfig(4, 4, shape[0][0], mult, 2, (2, 4), heads=shape[1], context_dim=128)
    with torch.device("meta"):
        assert round(sum(p.numel() for p in UNet(config).parameters()) / 1e6) == 24


def test_latents_against_pixels(timing, monkeypatch):
    against = pytest.importorskip("benchmarks.latent_against_pixel")
    monkeypatch.setattr(against, "BATCH", {1: 1, 4: 2, 8: 2})
    built, build = [], against.build
    monkeypatch.setattr(against, "build", lambda f: built.append(build(f)) or built[-1])
    rows = against.table(rounds=1)
    assert [row[:3] for row in rows] == [
        [what, f, shape]
        for what in (against.STEP, against.ENCODING_STEP, against.GUIDED)
        for f, shape in (("4", "4 x 16 x 16"), ("8", "4 x 8 x 8"))
    ]
    shapes = {replace(model.config.unet, in_channels=4, out_channels=4) for model in built}
    assert len(built) == 3 and len(shapes) == 1, "one U-Net but for the channels that go in and come out"


def test_one_part_is_measured_again_and_the_others_stay(timing, monkeypatch, tmp_path):
    run = pytest.importorskip("benchmarks.run")
    parts = {}
    for name in ("first", "second"):
        parts[name.title()] = part = ModuleType(f"benchmarks.{name}", f"What {name} is.\n")
        part.HEADER, part.answer = ["rounds", "number"], "1"
        part.table = lambda rounds, part=part: [[str(rounds), part.answer]]
    monkeypatch.setattr(run, "PARTS", parts)
    monkeypatch.setattr(run, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(run.torch, "set_num_threads", lambda _: None)

    def measured(*arguments):
        monkeypatch.setattr(sys, "argv", ["run", *arguments])
        run.main()
        return run.RESULTS.read_text()

    whole = measured("--rounds", "3")
    assert whole.startswith("# What was measured\n\nWhere time") and whole.endswith("| 3 | 1 |\n")
    first, second = whole.split("## Second")
    assert "by `python -m benchmarks.run --rounds 3` (3 rounds) on " in second

    def table(rounds):
        run.RESULTS.write_text(whole.replace("What first is.", "What first is now."))
        return [[str(rounds), "2"]]

    parts["Second"].table = table
    monkeypatch.setattr(run, "today", lambda: "another day")
    again, anew = measured("--rounds", "3", "--only", "second").split("## Second")
    assert again == first.replace("is.", "is now."), "it keeps its date, and what was written meanwhile"
    assert "Measured another day by `python -m benchmarks.run --rounds 3 --only second`" in anew
    assert anew.endswith("| 3 | 2 |\n")
