"""Condition dropout."""

import pytest
import torch

from ldm_tutorial.conditioning import AttributeConditioner, AttributeConfig, ConditionDropout, drop_conditions

NULL = torch.tensor([7, 7, 7])


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5])
def test_the_rate_is_the_rate(rate):
    n = 50_000
    dropped = (
        (ConditionDropout(rate)(torch.ones(n, 3, dtype=torch.int64), NULL, generator()) == NULL)
        .all(1)
        .sum()
        .item()
    )
    # 4.5 standard deviations of a binomial count: a right rate fails for one seed in 150,000.
    assert abs(dropped - n * rate) < 4.5 * (n * rate * (1 - rate)) ** 0.5, (
        f"{dropped} of {n} dropped at rate {rate}"
    )


def test_rows_are_dropped_whole_and_the_others_are_left_alone():
    tokens = torch.arange(300).view(100, 3) + 10
    dropped = drop_conditions(tokens, NULL, 0.5, generator())
    null, kept = (dropped == NULL).all(1), (dropped == tokens).all(1)
    assert (null ^ kept).all() and null.any() and kept.any()
    assert dropped.equal(drop_conditions(tokens, NULL, 0.5, generator())), "same seed, same rows"


def test_rates_zero_and_one_are_exact():
    tokens = torch.ones(1000, 3, dtype=torch.int64)
    assert ConditionDropout(0.0)(tokens, NULL, generator()).equal(tokens)
    assert (ConditionDropout(1.0)(tokens, NULL, generator()) == 7).all()


def test_evaluation_drops_nothing():
    tokens = torch.ones(1000, 3, dtype=torch.int64)
    assert ConditionDropout(0.9).eval()(tokens, NULL, generator()).equal(tokens)


def test_training_with_dropout_learns_the_null_condition():
    torch.manual_seed(0)
    model = AttributeConditioner(AttributeConfig(("Smiling",), dim=4))
    tokens = model.tokenize([{"Smiling": True}] * 64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = model.states.weight.detach().clone()
    model(ConditionDropout(0.1)(tokens, model.null_tokens, generator())).context.square().sum().backward()
    optimizer.step()
    assert (model.states.weight != before).any(1).tolist() == [True, False, True]


def test_an_impossible_rate_is_refused():
    with pytest.raises(ValueError, match=r"condition dropout rate is 1\.5"):
        ConditionDropout(1.5)
