"""The long measurements: what is stored can be read and drawn, and what is not is refused in a sentence."""

import json
import math
import sys
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pytest
import torch

from ldm_tutorial.classroom import Experiment, experiment, of_mechanisms, over_guidance, over_steps
from ldm_tutorial.classroom.experiments import read
from ldm_tutorial.data import bundled
from ldm_tutorial.diffusion import noise_schedule
from ldm_tutorial.training import load_checkpoint

ROOT = Path(__file__).parents[1]

DISTANCES = ("FD-lite0", "KD-lite0", "precision", "recall")
KEYS = {
    "guidance_scale": {"w", "accuracy", "accuracy_holdout", *DISTANCES, "density", "coverage", "n"},
    "steps_and_quality": {"sampler", "steps", "calls", "accuracy", *DISTANCES, "n"},
    "mechanisms": {"mechanism", "checkpoint", "w", "valid", "holdout", *DISTANCES}
    | {"parameters", "forward", "n"},
    "compression_over_time": {"data", "f", "seed", "minutes", "steps", *DISTANCES, "copies", "n"},
    "gan_search": {"changed", "steps", *DISTANCES, "n"},
    "families": {"data", "family", "parameters", "seconds_an_image", *DISTANCES, "copies", "pictures", "n"},
}
OPTIONAL = {"copies", "first_stage_minutes"}  # of what has no first stage
SHARES = {"accuracy", "accuracy_holdout", "valid", "holdout", "precision", "recall", "coverage"}
DRAWN = {"guidance_scale": over_guidance, "steps_and_quality": over_steps, "mechanisms": of_mechanisms}


def made_up(name: str, **more) -> Experiment:
    """An experiment of that form with two rows."""
    words = {"sampler": "DDIM", "mechanism": "scale-shift", "checkpoint": "peeps-scale-shift"}
    rows = [{key: words.get(key, 0.5) for key in KEYS[name]} | {"n": 500, "calls": i + 4} for i in range(2)]
    fields = {"command": "make bench", "date": "2026-11-21", "load": "0.1", "machine": "a machine"}
    return Experiment(
        name, "What it is.", rows, {}, {"FD-lite0": 1.0}, **fields, versions={"torch": "2"}, **more
    )


@pytest.fixture
def stored(monkeypatch, tmp_path):
    """A folder of data with one experiment in it."""
    (tmp_path / "experiments").mkdir()
    path = tmp_path / "experiments" / "guidance_scale.json"
    path.write_text(json.dumps(asdict(made_up("guidance_scale"))))
    monkeypatch.setenv("LDM_DATA", str(tmp_path))
    return path


def names() -> list[str]:
    folder = bundled("checkpoints").parent / "experiments"
    return sorted(path.stem for path in folder.glob("*.json"))


@pytest.mark.parametrize("name", names())
def test_what_is_stored_has_its_numbers(name):
    found = experiment(name)
    assert found.name == name and found.rows, f"{name} has no rows"
    for row in found.rows:
        assert row.keys() >= KEYS[name], f"{name} lacks {KEYS[name] - row.keys()}"
        numbers = {key: value for key, value in row.items() if not isinstance(value, str)}
        missing = {key for key, value in numbers.items() if value is None}
        assert missing <= OPTIONAL, f"{name} lacks {missing - OPTIONAL}"
        bad = [key for key, value in numbers.items() if key not in missing and not math.isfinite(value)]
        assert not bad, f"{name} has numbers that are none: {bad}"
        outside = [key for key in SHARES & row.keys() if not 0 <= row[key] <= 1]
        assert not outside, f"shares lie between 0 and 1, but not {outside} of {name}"
        assert row["n"] >= 250, "figures over fewer pictures are noise"
    assert found.command.startswith("python -m benchmarks.run")
    assert f"N = {found.rows[0]['n']:,}" in str(found) and found.date in str(found)


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_of_each(name):
    picture = DRAWN[name](made_up(name))
    assert picture.png.startswith(b"\x89PNG") and "N = 500 pictures" in picture.description
    assert len(picture.png) < 150_000, "figures are committed"
    if name in names():
        assert len(DRAWN[name](experiment(name)).png) < 150_000


def test_an_unknown_name_is_refused(stored):
    with pytest.raises(
        FileNotFoundError, match="no experiment 'guidance' in .*; did you mean guidance_scale?"
    ):
        experiment("guidance")
    with pytest.raises(FileNotFoundError, match="no experiment 'zzz' in .*; there are guidance_scale"):
        experiment("zzz")


def test_a_damaged_file_is_named(stored):
    for text, said in (("{", "damaged"), ('{"name": "x"}', "rows"), ("[]", "damaged")):
        stored.write_text(text)
        with pytest.raises(ValueError, match=rf"guidance_scale.json is .*{said}"):
            experiment("guidance_scale")


def test_what_is_missing_is_said():
    assert "points are still missing" in str(made_up("guidance_scale", complete=False))
    assert "points" not in str(made_up("guidance_scale"))


@pytest.fixture
def benchmarks(monkeypatch, tmp_path):
    """The benchmarks, with folders of their own for what they keep, write and draw."""
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    experiments = pytest.importorskip("benchmarks.experiments")
    for folder in ("KEPT", "STORED", "FIGURES"):
        monkeypatch.setattr(experiments, folder, tmp_path / folder.lower())
    return experiments


def test_what_was_measured_is_kept(benchmarks):
    calls = []

    def measure():
        calls.append(1)
        return {"accuracy": 0.1 + 0.2}

    assert benchmarks.kept({"w": 1.0}, measure) == benchmarks.kept({"w": 1.0}, measure) == measure()
    assert len(calls) == 2, "the second answer comes from the file"
    benchmarks.kept({"w": 2.0}, measure)
    assert len(calls) == 3, "other settings are measured"


def test_an_interrupted_run_goes_on(benchmarks, monkeypatch):
    measured, stopped = [], [3.0]

    def row(w):
        def measure():
            if w in stopped:
                raise KeyboardInterrupt
            measured.append(w)
            return {"accuracy": w / 10}

        numbers = dict.fromkeys(KEYS["guidance_scale"], 0.5) | {"n": 500}
        return numbers | {"w": w} | benchmarks.kept({"w": w}, measure)

    def run():
        points = [(0.0,), (1.0,), (3.0,)]
        return benchmarks.run("guidance_scale", "About.", points, row, {"seed": 0}, {"FD-lite0": 1.0})

    path = benchmarks.STORED / "guidance_scale.json"
    with pytest.raises(KeyboardInterrupt):
        run()
    assert [row["w"] for row in read(path).rows] == [0.0, 1.0] and not read(path).complete
    stopped.clear()
    found = run()
    assert measured == [0.0, 1.0, 3.0], "what was measured before must not be measured again"
    assert found.complete and [row["accuracy"] for row in found.rows] == [0.0, 0.1, 0.3]
    monkeypatch.setattr(benchmarks, "today", lambda: "another day")
    assert run() == found, "a run that measures nothing leaves the date of the one that did"
    assert (benchmarks.FIGURES / "guidance_scale.png").read_bytes() == over_guidance(found).png


def test_the_machines_are_those_of_the_rows(benchmarks, monkeypatch):
    monkeypatch.setattr(benchmarks, "machine", lambda: "this one")
    numbers = dict.fromkeys(KEYS["guidance_scale"], 0.5) | {"n": 500}

    def row(w):
        return numbers | {"w": w} | ({"machine": "another"} if w == 0 else {})

    points = [(0.0,), (1.0,), (2.0,)]
    found = benchmarks.run("guidance_scale", "About.", points, row, {"seed": 0}, {"FD-lite0": 1.0})
    assert found.machine == "another and this one"


def test_a_point_is_kept_by_all_that_it_depends_on(benchmarks, monkeypatch):
    """Whatever another request or another split asks for is measured; the same is kept."""
    drawing = pytest.importorskip("benchmarks.drawing")
    model = load_checkpoint("peeps-ldm")
    fewest = {"n": 2, "distances": False, "steps": 1}
    first = drawing.drawn(model, "valid", guidance_scale=3.0, **fewest)
    assert 0 <= first["accuracy"] <= 1
    monkeypatch.setattr(drawing, "drawn_pictures", None)
    assert drawing.drawn(model, "valid", guidance_scale=3.0, **fewest) == first
    for other in ({"guidance_scale": 1.0}, {"guidance_scale": 3.0, "seed": 1}):
        with pytest.raises(TypeError, match="not callable"):
            drawing.drawn(model, "valid", **fewest, **other)
    with pytest.raises(TypeError, match="not callable"):
        drawing.drawn(model, "holdout", guidance_scale=3.0, **fewest)


def test_calls_are_counted(benchmarks):
    steps = pytest.importorskip("benchmarks.steps_and_quality")
    schedule, asked = noise_schedule("scaled_linear", 1000, 0.0015, 0.0195), []

    def denoise(z, t, condition):
        asked.append(t)
        return z

    for sampler, several in steps.STEPS.items():
        for number in several:
            asked.clear()
            run = sampler(schedule, number, spacing="trailing", prediction="x0")
            run.sample(denoise, torch.zeros(1, 1, 2, 2), generator=torch.Generator())
            assert len(asked) == steps.calls(sampler, number) <= 50
    assert {"DDIM", "DPM-Solver++(2M)", "Heun", "DDPM"} == set(steps.NAMES.values())


def test_a_section_says_when_its_experiment_was_made(benchmarks, stored, monkeypatch):
    run = pytest.importorskip("benchmarks.run")
    part = ModuleType("benchmarks.guidance_scale", "What it is.")
    part.EXPERIMENT, part.HEADER, part.table = "guidance_scale", ["w"], lambda _: [["3"]]
    monkeypatch.setattr(run, "STORED", stored.parent)
    monkeypatch.setattr(run.torch, "set_num_threads", lambda _: None)
    options = Namespace(rounds=3, threads=[1, 2])
    text = run.section("Guidance", part, options)
    assert "Measured 2026-11-21 by `make bench` on a machine" in text and text.count("| 3 |") == 1
    assert "![Guidance](figures/guidance_scale.png)" in text
    part.table, part.lines = None, lambda found: [[str(row["w"])] for row in found.rows]
    again = run.section("Guidance", part, options, stored=True)
    assert "Measured 2026-11-21 by `make bench`" in again and again.count("| 0.5 |") == 2, (
        "nothing is measured"
    )
