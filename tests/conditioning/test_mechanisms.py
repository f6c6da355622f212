"""The five ways to the U-Net: what each hands over, and what it needs."""

import pytest
import torch

from ldm_tutorial.conditioning import Condition
from ldm_tutorial.conditioning.mechanisms import (
    ClassShift,
    Concatenation,
    ControlHint,
    CrossAttention,
    ScaleShift,
    at_size,
)

GENERATOR = torch.Generator().manual_seed(0)
SEQUENCE = Condition(torch.randn(2, 5, 6, generator=GENERATOR), torch.arange(5) < torch.tensor([[5], [2]]))
PICTURE = torch.randn(2, 6, 8, 4, generator=GENERATOR)
ENTRANCES = {
    CrossAttention: {"context", "mask"},
    Concatenation: {"channels"},
    ScaleShift: {"added"},
    ClassShift: {"added"},
    ControlHint: {"hint"},
}


def build(kind):
    return kind(6, 6) if kind is CrossAttention else kind(6)


@pytest.mark.parametrize("kind", ENTRANCES)
@pytest.mark.parametrize("encoded", [SEQUENCE, PICTURE], ids=["sequence", "picture"])
def test_each_has_its_entrance_for_both_forms(kind, encoded):
    route = build(kind)(encoded)
    assert {name for name, part in route._asdict().items() if part is not None} == ENTRANCES[kind]
    assert all(len(part) == 2 for part in route if part is not None)


@pytest.mark.parametrize("kind", ENTRANCES)
def test_padding_never_changes_what_is_handed_over(kind):
    mechanism = build(kind)
    padded = Condition(
        torch.cat([SEQUENCE.context, 99 * torch.ones(2, 3, 6)], dim=1),
        torch.cat([SEQUENCE.mask, torch.zeros(2, 3, dtype=torch.bool)], dim=1),
    )
    bare, more = mechanism(SEQUENCE), mechanism(padded)
    if kind is CrossAttention:
        assert torch.equal(more.context[:, :5], bare.context) and not more.mask[:, 5:].any()
        return
    for name in ENTRANCES[kind]:
        torch.testing.assert_close(getattr(more, name), getattr(bare, name), rtol=0, atol=1e-6)


def test_the_vector_is_the_mean_of_the_real_tokens():
    for kind in (ClassShift, ScaleShift):
        added = kind(6)(SEQUENCE).added
        torch.testing.assert_close(added[0], SEQUENCE.context[0].mean(0))
        torch.testing.assert_close(added[1], SEQUENCE.context[1, :2].mean(0))
    assert ClassShift(6).needs == {"added_dim": 6}
    assert ScaleShift(6).needs == {"added_dim": 6, "use_scale_shift_norm": True}


def test_a_picture_becomes_tokens_that_know_where_they_are():
    context, mask, *_ = CrossAttention(6, 8)(PICTURE)
    assert context.shape == (2, 32, 8) and mask.all()
    alike = CrossAttention(8, 8)(torch.zeros(1, 8, 3, 5)).context[0]
    distances = torch.cdist(alike, alike) + torch.eye(15)
    assert distances.min() > 0.1, "two places of an even picture should differ"


def test_another_width_is_brought_to_the_networks():
    mechanism = CrossAttention(6, 8)
    assert mechanism.needs == {"context_dim": 8} and mechanism(SEQUENCE).context.shape == (2, 5, 8)


def test_pictures_change_their_size_by_means_and_vectors_are_repeated():
    torch.testing.assert_close(at_size(PICTURE, 4, 2), torch.nn.functional.avg_pool2d(PICTURE, 2))
    spread = at_size(PICTURE[:, :, :1, :1], 3, 5)
    assert torch.equal(spread, PICTURE[:, :, :1, :1].expand(2, 6, 3, 5))
