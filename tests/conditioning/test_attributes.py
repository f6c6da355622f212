"""Attribute tokens and hiding some of them."""

import dataclasses
import json

import pytest
import torch

from ldm_tutorial.conditioning import AttributeConditioner, AttributeConfig, hide_attributes

NAMES = ("Smiling", "Eyeglasses", "Male", "Young", "Bald")


def conditioner() -> AttributeConditioner:
    torch.manual_seed(0)
    return AttributeConditioner(AttributeConfig(NAMES, dim=16))


def test_states_are_unknown_absent_present():
    tokens = conditioner().tokenize([{"Smiling": True, "Male": False}, {}])
    assert tokens.tolist() == [[2, 0, 1, 0, 0], [0, 0, 0, 0, 0]]
    assert tokens.dtype == torch.int64


def test_every_attribute_and_state_has_its_own_vector():
    model = conditioner()
    contexts = torch.cat([model(torch.full((1, 5), state)).context for state in range(3)]).flatten(0, 1)
    assert contexts.shape == (15, 16) and len(contexts.unique(dim=0)) == 15


def test_an_attribute_changes_only_its_own_token():
    model = conditioner()
    plain, smiling = model(model.tokenize([{"Male": True}, {"Male": True, "Smiling": False}])).context
    assert (plain != smiling).any(dim=1).tolist() == [True, False, False, False, False]


def test_the_null_condition_is_all_unknown_and_is_learned():
    model = conditioner()
    assert model.null_tokens.equal(model.tokenize([{}])[0])
    context, mask = model(model.null_tokens[None])
    assert mask.all(), "unknown is something to attend to, not padding"
    context.sum().backward()
    reached = model.states.weight.grad.abs().sum(dim=1) > 0
    assert reached.tolist() == [True, False, False] * 5, (
        "the gradient must reach the null vectors and no others"
    )


def test_an_unknown_name_is_refused_with_the_names_near_it():
    with pytest.raises(
        ValueError, match="attribute 'Glasses' is not one of this model's; near it: Eyeglasses"
    ):
        conditioner().tokenize([{"Glasses": True}])
    with pytest.raises(ValueError, match="near it: Smiling, Eyeglasses, Male, Young, Bald"):
        conditioner().tokenize([{"qqq": True}])


def test_minus_one_is_not_a_bool():
    with pytest.raises(ValueError, match="attribute 'Male' is -1; give True or False"):
        conditioner().tokenize([{"Male": -1}])


def test_hiding_only_ever_makes_attributes_unknown():
    tokens = torch.randint(0, 3, (500, 40), generator=torch.Generator().manual_seed(0))
    hidden = hide_attributes(tokens, 0.5, torch.Generator().manual_seed(1))
    changed = hidden != tokens
    assert changed.any() and (hidden[changed] == 0).all()
    assert hidden.equal(hide_attributes(tokens, 0.5, torch.Generator().manual_seed(1))), (
        "same seed, same attributes"
    )


def test_the_share_of_partly_hidden_rows_and_how_much_of_them_is_hidden():
    n, names, share = 20_000, 40, 0.3
    hidden = (
        hide_attributes(torch.ones(n, names, dtype=torch.int64), share, torch.Generator().manual_seed(0)) == 0
    ).sum(1)
    # The number hidden in a chosen row is uniform on 0..names, so that it is 0 once in names + 1 times.
    p = share * names / (names + 1)
    assert abs((hidden > 0).sum().item() - n * p) < 4.5 * (n * p * (1 - p)) ** 0.5
    for count in (1, names // 2, names):
        p = share / (names + 1)
        assert abs((hidden == count).sum().item() - n * p) < 4.5 * (n * p) ** 0.5, f"rows with {count} hidden"
    assert not (hide_attributes(torch.ones(99, 9), 0.0, torch.Generator().manual_seed(0)) == 0).any()


def test_the_config_survives_json():
    config = conditioner().config
    assert AttributeConfig(**json.loads(json.dumps(dataclasses.asdict(config)))) == config


@pytest.mark.parametrize("changes", [{"names": ()}, {"names": ("a", "a")}, {"names": ("a",), "hide": 1.5}])
def test_impossible_configs_are_refused(changes):
    with pytest.raises(ValueError, match=r"names is|hide is"):
        AttributeConfig(**changes)
