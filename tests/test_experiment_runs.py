"""The two experiments that train, at sizes of a few steps: what they count, keep, go on with and write."""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.functional import avg_pool2d

from ldm_tutorial.classroom import Picture, experiment, of_families, over_minutes
from ldm_tutorial.data import bundled
from ldm_tutorial.first_stage import KLConfig, VQConfig
from ldm_tutorial.metrics.network import Features, Labels
from ldm_tutorial.training import (
    CodePriorRecipe,
    DataConfig,
    DiffusionObjective,
    FirstStageRecipe,
    TrainingConfig,
    load_checkpoint,
)
from ldm_tutorial.training.state import states

ROOT = Path(__file__).parents[1]
PEEPS = DataConfig("peeps", limit=16)
TINY = KLConfig(channels=8, channel_mult=(1, 1, 1), res_blocks=1, mid_attention=False, stem=4, norm_groups=4)


class FewNumbers:
    """A feature network of eight numbers: the means of the quarters of red and of blue."""

    name, resize, labels = "eight", "none", Labels("FD-lite0", "KD-lite0", "sFD-lite0", "IS-lite0")
    fingerprint = hashlib.sha256(b"eight").hexdigest()[:16]

    def __call__(self, images):
        return Features(avg_pool2d(images[:, ::2] / 64, 32).flatten(1))


@pytest.fixture
def budget(monkeypatch, tmp_path):
    """The module, with everything that is kept or written below a folder of its own, and no real features."""
    monkeypatch.setattr(sys, "path", [str(ROOT), *sys.path])
    budget = pytest.importorskip("benchmarks.budget")
    from benchmarks import experiments, faces

    here = tmp_path / "data"
    here.mkdir()
    for name in ("peeps", "checkpoints"):
        (here / name).symlink_to(bundled(name), target_is_directory=True)
    monkeypatch.setenv("LDM_DATA", str(here))
    monkeypatch.setenv("LDM_CACHE", str(tmp_path / "cache"))
    for module in (experiments, budget):
        monkeypatch.setattr(module, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(experiments, "STORED", here / "experiments")
    monkeypatch.setattr(experiments, "FIGURES", tmp_path / "figures")
    unseen = {name: lambda _: Picture(b"", "drawn after every point") for name in experiments.DRAW}
    monkeypatch.setattr(experiments, "DRAW", unseen)
    monkeypatch.setattr(faces, "features", FewNumbers)
    monkeypatch.setattr(DiffusionObjective, "strip", lambda _: torch.zeros(1, 3, 8, 8))
    faces.validation.cache_clear()
    return budget


@pytest.fixture
def trained(budget, monkeypatch):
    """The names and steps of what is trained from here on; a step is said to take a minute."""
    runs, run_recipe = [], budget.run_recipe

    def counted(recipe, run, **options):
        runs.append((recipe.name, recipe.training.steps))
        return run_recipe(recipe, run, **options)

    monkeypatch.setattr(budget, "run_recipe", counted)
    monkeypatch.setattr(budget, "kept_rate", lambda *_: 60.0)
    return runs


def tiny_stage(name="stage", config=None, steps=1):
    training = TrainingConfig(steps=steps, batch_size=4, warmup=0, device="cpu")
    return FirstStageRecipe(name, "tiny", PEEPS, config or TINY, training)


def test_a_step_is_timed_in_the_loop_itself(budget, monkeypatch, tmp_path):
    ticks = iter(range(10_000))
    monkeypatch.setattr(budget, "stopwatch", lambda: lambda: next(ticks))
    recipe = tiny_stage()
    objective = budget.objective_of(recipe, budget.open_data(PEEPS, "train"), tmp_path / "run")
    assert budget.seconds_a_step(objective, recipe.training, timed=3) == 1.0, "one look at the clock a step"
    assert next(ticks) == budget.WARM + 3 + 1, "no step more than is needed"
    assert budget.steps_within(20, 0.4) == 3000


def test_what_a_run_spends_adds_up_over_interruptions(budget, monkeypatch, tmp_path):
    ticks = iter(range(0, 10_000, 60))
    monkeypatch.setattr(budget, "stopwatch", lambda: lambda: next(ticks))
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt), budget.spending(run):
        raise KeyboardInterrupt
    with budget.spending(run):
        pass
    assert budget.spent(run) == pytest.approx(2)


def test_a_run_that_is_further_begins_anew(budget, trained, tmp_path):
    recipe, run = tiny_stage(), tmp_path / "run"
    budget.trained_to(recipe, run, 1)
    first = load_checkpoint(run).state_dict()
    budget.trained_to(recipe, run, 2)
    assert states(run)[-1].name == "step-00000002"
    budget.trained_to(recipe, run, 1)
    again = load_checkpoint(run).state_dict()
    assert all(torch.equal(value, again[name]) for name, value in first.items()), "not those of step 2"


def test_compression_over_time(budget, trained, monkeypatch):
    from benchmarks import compression_over_time as study

    monkeypatch.setattr(study, "FACTORS", {"peeps": (1, 16)})
    monkeypatch.setattr(study, "UNETS", {1: (3, 16, (1,) * 5), 16: (16, 16, (1,))})
    monkeypatch.setattr(study, "TRAINING", replace(study.TRAINING, batch_size=2))
    monkeypatch.setattr(study, "SAMPLING", study.SAMPLING | {"steps": 1})
    monkeypatch.setattr(study, "N", 8)
    monkeypatch.setattr(study, "REFERENCE", 10)
    recipe_of = study.recipe_of
    monkeypatch.setattr(study, "recipe_of", lambda *of: replace(recipe_of(*of), data=PEEPS))
    study.measure(["peeps"], seeds=(0,), minutes=(1.0, 2.0))
    assert trained == [("peeps-f1", 1), ("peeps-f1", 2), ("peeps-f16", 1), ("peeps-f16", 2)]
    monkeypatch.setattr(study, "SEEDS", (0, 1))
    monkeypatch.setattr(study, "MINUTES", (1.0, 2.0))
    monkeypatch.setattr(study, "available", lambda: ["peeps"])
    found = study.measure(["peeps"], study.SEEDS, study.MINUTES)
    assert trained[4:] == trained[:4], "what was measured is kept; the second seed is trained"
    assert [row["f"] for row in found.rows] == [1, 1, 16, 16] * 2 and not found.complete, "CelebA is missing"
    assert found.rows[0]["FD-lite0"] != found.rows[4]["FD-lite0"], "seeds differ"
    assert found.rows[0]["copies"] is None and found.rows[2]["copies"] > 0
    assert found.rows == experiment("compression_over_time").rows
    table = study.table(1)
    assert len(trained) == 8 and len(table) == 3
    assert all(len(row) == 10 for row in table), "five columns, one for each of two times, three"
    assert over_minutes(found).png.startswith(b"\x89PNG")


def test_unets_of_the_study_differ_in_shape_and_not_in_size(budget):
    from benchmarks import compression_over_time as study
    from ldm_tutorial.unet import UNet

    sizes = {}
    for f in study.UNETS:
        recipe = study.recipe_of("peeps", f, 0)
        with torch.device("meta"):
            sizes[f] = sum(p.numel() for p in UNet(recipe.unet).parameters())
        assert 64 // f // recipe.unet.downsampling == 4, f"f = {f} should go down to 4x4"
    assert max(sizes.values()) / min(sizes.values()) < 1.1, f"parameters {sizes}"


def test_families(budget, trained, monkeypatch):
    from benchmarks import families, gan_search
    from benchmarks.compression_over_time import recipe_of

    small = TrainingConfig(batch_size=4, warmup=0, device="cpu", strip_every=10**9)
    vq = VQConfig(**vars(TINY) | {"codes": 8})
    prior = CodePriorRecipe("prior", "tiny", PEEPS, "", small, dim=16, depth=1, heads=2)
    unet = replace(recipe_of("peeps", 16, 0).unet, in_channels=4, out_channels=4, channels=16)
    diffusion = replace(recipe_of("peeps", 16, 0), name="diffusion", data=PEEPS, unet=unet, training=small)
    plans = {
        "VAE": families.Plan(tiny_stage("vae")),
        "GAN": families.Plan(families.GANConfig(latent=8, widths=(16, 8, 8, 8), groups=4)),
        "VQ + transformer": families.Plan(prior, tiny_stage("vq", vq)),
        "latent diffusion": families.Plan(diffusion, tiny_stage("kl")),
        "latent diffusion on a given first stage": families.Plan(
            replace(diffusion, unet=replace(unet, in_channels=16, out_channels=16)), "peeps-kl-f16"
        ),
    }
    monkeypatch.setattr(families, "plans", lambda _: plans)
    monkeypatch.setattr(families, "STORED", bundled("peeps").parent / "experiments")
    for name, value in {"IMAGES": 16, "N": 8, "MINUTES": 5.0, "GAN_TRAINING": small}.items():
        monkeypatch.setattr(families, name, value)
    monkeypatch.setattr(families, "SAMPLING", families.SAMPLING | {"steps": 1})
    monkeypatch.setattr(gan_search, "kept_rate", lambda *_: 60.0)
    monkeypatch.setattr(gan_search, "IMAGES", 16)
    monkeypatch.setattr(families, "encoding_minutes", lambda *_: 1.0)
    monkeypatch.setattr(families, "available", lambda: ["peeps"])
    table = families.table(1)
    two_stages = [("vq", 2), ("prior", 2), ("kl", 2), ("diffusion", 2)]
    assert trained == [("vae", 5), *two_stages, ("diffusion", 4)], "5 minutes in all, 1 of them for encoding"
    assert [row[1] for row in table] == [*plans, "real"]
    assert all(len(row) == len(families.HEADER) for row in table)
    assert [bool(row[2]) for row in table] == [False, False, False, False, True, False], "minutes not counted"
    families.table(1)
    assert len(trained) == 6, "what was measured is kept"
    rows = {row["family"]: row for row in experiment("families").rows}
    model = load_checkpoint(next(budget.KEPT.glob("families-peeps-vae-*")))
    unused = [*model.encoder.parameters(), *model.quant_conv.parameters()]
    assert rows["VAE"]["parameters"] == sum(p.numel() for p in model.parameters()) - sum(
        p.numel() for p in unused
    ), "an encoder draws nothing"
    assert of_families(experiment("families")).png.startswith(b"\x89PNG")


def test_the_search_changes_one_thing_at_a_time_then_several(budget, monkeypatch):
    from benchmarks import gan_search

    asked = []
    figures = {"FD-lite0": 1.0, "KD-lite0": 0.1, "KD-lite0 standard error": 0.01}
    monkeypatch.setattr(gan_search, "searched", lambda *of: asked.append(of) or {"steps": 9} | figures)
    monkeypatch.setattr(gan_search, "real_distances", lambda *_: figures)
    table = gan_search.table(1)
    assert len(set(map(repr, asked))) == len(gan_search.CHANGES) == len(asked), "no two runs are the same"
    assert (gan_search.GANConfig(), gan_search.TRAINING) in asked, "the settings in use were searched"
    (config, training), runs = asked[0], dict(zip(gan_search.CHANGES, asked, strict=True))
    changed = {what: (of[0] != config) + (of[1] != training) for what, of in runs.items()}
    several = {what for what, kinds in changed.items() if kinds > 1}
    assert several == {what for what in runs if "," in what}, "what changes several things is named so"
    assert all(len(row) == len(gan_search.HEADER) for row in table)
    assert [row[0] for row in table] == [*gan_search.CHANGES, "real images"]


def test_the_plans_name_what_there_is(budget):
    from benchmarks import families

    for data in families.SETS:
        for family, plan in families.plans(data).items():
            assert (plan.stage is None) == (family in ("VAE", "GAN", "diffusion on pixels"))
            if isinstance(plan.stage, str):
                assert families.stage_minutes(plan.stage) > 0, f"the card of {plan.stage} says how long"
            if not isinstance(plan.model, families.GANConfig):
                assert plan.model.data == DataConfig(data, limit=families.IMAGES)
