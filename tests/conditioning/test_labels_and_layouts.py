"""Class labels and layouts as tokens."""

import pytest
import torch

from ldm_tutorial.conditioning import (
    ConditionDropout,
    LabelConditioner,
    LabelConfig,
    LayoutConditioner,
    LayoutConfig,
    boxes_of,
)

NAMES = ("cat", "dog", "bird")


def test_labels_by_number_and_by_name():
    model = LabelConditioner(LabelConfig(NAMES, dim=4))
    tokens = model.tokenize([2, "cat"])
    assert tokens.tolist() == [[2], [0]] and tokens.dtype == torch.int64
    context, mask = model(tokens)
    assert context.shape == (2, 1, 4) and mask.all()
    assert torch.equal(context[0, 0], model.classes.weight[2])
    assert model.null_tokens.tolist() == [3], "no class is a class of its own"


def test_the_null_label_is_learned():
    model = LabelConditioner(LabelConfig(NAMES, dim=4))
    generator = torch.Generator().manual_seed(0)
    tokens = ConditionDropout(1.0)(model.tokenize([0, 1]), model.null_tokens, generator)
    model(tokens).context.square().sum().backward()
    assert model.classes.weight.grad.abs().sum(1).bool().tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("dgo", "class 'dgo' is not one of this model's; near it: dog"),
        (3, "this model has 0 to 2"),
        (-1, "-1"),
    ],
)
def test_a_class_that_is_not_there_is_refused(wish, message):
    with pytest.raises(ValueError, match=message):
        LabelConditioner(LabelConfig(NAMES)).tokenize([wish])


@pytest.fixture
def layouts():
    torch.manual_seed(0)
    return LayoutConditioner(LayoutConfig(NAMES, boxes=3, steps=10, dim=8))


def test_a_layout_is_a_start_token_and_one_for_each_box(layouts):
    tokens = layouts.tokenize([[("dog", (0, 0.1, 0.5, 1)), ("cat", (0.52, 0, 1, 1))], []])
    assert tokens[0].tolist() == [[1, 0, 0, 0, 0], [3, 0, 1, 5, 10], [2, 5, 0, 10, 10], [0, 0, 0, 0, 0]]
    context, mask = layouts(tokens)
    assert context.shape == (2, 4, 8) and mask.tolist() == [[True] * 3 + [False], [True] + [False] * 3]
    assert torch.equal(tokens[1], layouts.null_tokens)
    sides = [side.weight[k] for side, k in zip(layouts.sides, (0, 1, 5, 10), strict=True)]
    torch.testing.assert_close(context[0, 1], layouts.classes.weight[3] + sum(sides))


def test_padding_never_changes_a_layout(layouts):
    tokens = layouts.tokenize([[("dog", (0, 0, 0.5, 1))]])
    torch.testing.assert_close(
        layouts(tokens[:, :2]).context, layouts(tokens).context[:, :2], rtol=0, atol=1e-6
    )


def test_where_a_box_is_matters(layouts):
    left, right = layouts(layouts.tokenize([[("dog", (0, 0, 0.5, 1))], [("dog", (0.5, 0, 1, 1))]])).context
    assert not torch.allclose(left[1], right[1])


def test_too_many_boxes_are_cut_with_a_warning_that_says_where(layouts):
    boxes = [("dog", (0, 0, 1, 1))] * 3 + [("bird", (0, 0, 1, 1))]
    with pytest.warns(UserWarning, match="has 4 boxes and the encoder reads 3: cut before box 4, 'bird'"):
        assert torch.equal(layouts.tokenize([boxes]), layouts.tokenize([boxes[:3]]))


@pytest.mark.parametrize("box", [(0.5, 0, 0.5, 1), (0, 0, 1.2, 1), (0.2, 0.9, 0.4, 0.1)])
def test_a_box_that_is_none_is_refused(layouts, box):
    with pytest.raises(ValueError, match=r"the box of 'dog' is .*; it must be \(left, top, right, bottom\)"):
        layouts.tokenize([[("dog", box)]])


def test_the_layout_of_a_map():
    semantic_map = torch.zeros(4, 8, dtype=torch.int64)
    semantic_map[1:3, 2:4] = 2
    semantic_map[0, 7] = 1
    found = boxes_of(semantic_map, ("background", "hat", "face"))
    assert found == [("hat", (7 / 8, 0, 1, 1 / 4)), ("face", (1 / 4, 1 / 4, 1 / 2, 3 / 4))]
