"""The long measurements: what is stored can be read and drawn, and what is not is refused in a sentence."""

import json
import math
from dataclasses import asdict

import pytest

from ldm_tutorial.classroom import Experiment, experiment, of_mechanisms, over_guidance, over_steps
from ldm_tutorial.data import bundled

DISTANCES = ("FD-lite0", "KD-lite0", "precision", "recall")
KEYS = {
    "guidance_scale": {"w", "accuracy", "accuracy_holdout", *DISTANCES, "density", "coverage", "n"},
    "steps_and_quality": {"sampler", "steps", "calls", "accuracy", *DISTANCES, "n"},
    "mechanisms": {"mechanism", "checkpoint", "w", "valid", "holdout", *DISTANCES}
    | {"parameters", "forward", "n"},
}
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
        bad = [key for key, value in row.items() if not isinstance(value, str) and not math.isfinite(value)]
        assert not bad, f"{name} has numbers that are none: {bad}"
        outside = [key for key in SHARES & row.keys() if not 0 <= row[key] <= 1]
        assert not outside, f"shares lie between 0 and 1, but not {outside} of {name}"
        assert row["n"] >= 250, "figures over fewer pictures are noise"
    assert found.command.startswith("python -m benchmarks.run --only")
    assert f"N = {found.rows[0]['n']}" in str(found) and found.date in str(found)


@pytest.mark.parametrize("name", KEYS)
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
