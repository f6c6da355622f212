"""A caption and a map at once: wishes, rates, and what is left out."""

import json

import pytest
import torch

from ldm_tutorial.conditioning import (
    CaptionConfig,
    ComposedConditioner,
    ComposedConfig,
    ConditionDropout,
    ImageConfig,
    LabelConfig,
    MapConfig,
    PartConfig,
    build_vocabulary,
)
from ldm_tutorial.training.checkpoint import from_json, to_json

CAPTION = CaptionConfig(build_vocabulary(["a red hat", "a blue hat"]), length=6, dim=8, depth=1, heads=2)
MAP = MapConfig(("background", "hat"), size=4)
CONFIG = ComposedConfig(
    (PartConfig("caption", CAPTION, drop=0.2), PartConfig("map", MAP, "concatenation", drop=0.3, fold=2)),
    context_dim=8,
)
A_MAP = torch.tensor([[0, 0, 1, 1]] * 4)


def build(config=CONFIG) -> ComposedConditioner:
    torch.manual_seed(0)
    return ComposedConditioner(config).eval()


def test_each_part_reaches_its_entrance():
    model = build()
    routes = model(model.tokenize([{"caption": "a red hat", "map": A_MAP}] * 2))
    assert routes.context.shape == (2, 6, 8) and routes.mask.sum() == 2 * 5
    assert routes.channels.shape == (2, 3 * 4, 2, 2), "2x2 pixels of three channels in each place"
    assert routes.added is None and routes.hint is None
    assert model.needs == {"context_dim": 8, "in_channels": 12}


def test_what_a_wish_leaves_out_is_null():
    model = build()
    tokens = model.tokenize([{"caption": "a red hat"}, {"map": A_MAP}, {}, "a red hat"])
    null = model.null_tokens
    assert torch.equal(tokens["map"][[0, 2, 3]], null["map"].expand(3, 4, 4))
    assert torch.equal(tokens["caption"][[1, 2]], null["caption"].expand(2, 6))
    assert torch.equal(tokens["caption"][0], tokens["caption"][3]), "a string is a wish for the caption"


def test_parts_of_one_entrance_stand_beside_each_other():
    model = build(
        ComposedConfig(
            (
                PartConfig("caption", CAPTION),
                PartConfig("label", LabelConfig(("x", "y"), dim=4)),
                PartConfig("kind", LabelConfig(("x", "y"), dim=4), "class_shift"),
                PartConfig("mood", LabelConfig(("x", "y"), dim=3), "scale_shift"),
                PartConfig("map", MAP, "concatenation"),
                PartConfig("name", LabelConfig(("x", "y"), dim=5), "concatenation"),
            ),
            context_dim=8,
        )
    )
    routes = model(model.tokenize([{"label": "x", "kind": 1}]))
    assert routes.context.shape == (1, 7, 8) and routes.added.shape == (1, 7)
    assert routes.channels.shape == (1, 8, 4, 4), "vectors are repeated to the size of the map"
    assert model.needs == {
        "context_dim": 8,
        "added_dim": 7,
        "use_scale_shift_norm": True,
        "in_channels": 8,
    }


def test_each_part_is_dropped_on_its_own_and_all_together_at_the_stated_rates():
    model, generator, n = build(), torch.Generator().manual_seed(0), 50_000
    one = model.tokenize([{"caption": "a red hat", "map": A_MAP}])
    tokens = {name: part.expand(n, *part.shape[1:]) for name, part in one.items()}
    tokens = ConditionDropout(0.1)(model.hide(tokens, generator), model.null_tokens, generator)
    gone = {name: (tokens[name] == model.null_tokens[name]).flatten(1).all(1) for name in tokens}
    both = 0.1 + 0.9 * 0.2 * 0.3
    rates = {
        "both": (gone["caption"] & gone["map"], both),
        "the caption alone": (gone["caption"] & ~gone["map"], 0.9 * 0.2 * 0.7),
        "the map alone": (~gone["caption"] & gone["map"], 0.9 * 0.8 * 0.3),
        "none": (~gone["caption"] & ~gone["map"], 0.9 * 0.8 * 0.7),
    }
    for what, (rows, rate) in rates.items():
        count = rows.sum().item()
        # 4.5 standard deviations of a binomial count: a right rate fails for one seed in 150,000
        assert abs(count - n * rate) < 4.5 * (n * rate * (1 - rate)) ** 0.5, f"{what}: {count} of {n}"


def test_a_part_that_is_never_dropped_stays():
    edges = PartConfig("edges", ImageConfig(4, channels=1), "controlnet", drop=None)
    model = build(ComposedConfig((PartConfig("caption", CAPTION), edges), context_dim=8))
    image = torch.ones(1, 4, 4)
    tokens = model.tokenize([{"caption": "a red hat", "edges": image}] * 100)
    generator = torch.Generator().manual_seed(0)
    dropped = ConditionDropout(1.0)(model.hide(tokens, generator), model.null_tokens, generator)
    assert torch.equal(dropped["edges"], tokens["edges"])
    assert torch.equal(dropped["caption"], model.null_tokens["caption"].expand(100, 6))
    with pytest.raises(ValueError, match="a wish has no 'edges', and this model was never trained without"):
        model.tokenize([{"caption": "a red hat"}])


def test_what_is_asked_to_be_left_alone_stays_as_in_others():
    model = build()
    tokens = model.tokenize([{"caption": "a red hat", "map": A_MAP}])
    other = model.tokenize([{"caption": "a blue hat"}], tokens)
    assert torch.equal(other["map"], tokens["map"]) and not torch.equal(other["caption"], tokens["caption"])


def test_a_wish_for_something_else_is_refused():
    model = build()
    with pytest.raises(ValueError, match="a wish has pose; this model reads caption, map"):
        model.tokenize([{"pose": 1}])
    with pytest.raises(ValueError, match="a wish has int; this model reads caption, map"):
        model.tokenize([3])
    assert model.unknown_words("a green hat") == ["green"]


def test_configs():
    assert from_json(json.loads(json.dumps(to_json(CONFIG)))) == CONFIG
    with pytest.raises(ValueError, match=r"drop of map is 1.5; it is a share between 0 and 1, or None"):
        PartConfig("map", MAP, drop=1.5)
    with pytest.raises(ValueError, match="fold of map is 3, which does not divide 4"):
        build(ComposedConfig((PartConfig("map", MAP, "concatenation", fold=3),)))
    with pytest.raises(ValueError, match=r"parts are \['map', 'map'\]; it takes at least one"):
        ComposedConfig((PartConfig("map", MAP), PartConfig("map", MAP)))
