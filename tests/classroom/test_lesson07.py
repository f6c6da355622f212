"""Lesson 07: its solutions are what the package does, its records what the network did."""

import pytest
import torch
import torch.nn.functional as F
from ipywidgets import HTML, IntSlider, SelectionSlider
from torch import nn

from ldm_tutorial.classroom.exercises import judge
from ldm_tutorial.classroom.lessons import lesson07
from ldm_tutorial.classroom.lessons.attention_lookup import (
    colour_keys,
    colour_values,
    direction,
    shares,
    soft_lookup,
)
from ldm_tutorial.classroom.lessons.attention_mask import padding_read
from ldm_tutorial.classroom.lessons.attention_record import framed, heated, record
from ldm_tutorial.classroom.lessons.attention_shapes import ShapeTable, shapes
from ldm_tutorial.classroom.lessons.attention_viewer import look_page, looks, short, viewer
from ldm_tutorial.classroom.lessons.captions_turned import word_in
from ldm_tutorial.classroom.lessons.places import PALETTE, coloured, lines_of
from ldm_tutorial.classroom.lessons.zero_convolution import largest_gradients, zero_gradients
from ldm_tutorial.conditioning import CaptionConditioner, CaptionConfig, build_vocabulary
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.nn import Attention
from ldm_tutorial.unet import ControlConfig, ControlNet, UNet, UNetConfig, attention_maps
from tests.tiny import LDM, UNET

CAPTION = "a red hat on a red dog"
CONFIG = CaptionConfig(build_vocabulary([CAPTION]), length=12, dim=8, depth=1, heads=2)


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def kept():
    from dataclasses import replace

    torch.manual_seed(0)
    model = LatentDiffusion(replace(LDM, conditioner=CONFIG)).eval()
    return record(model, CAPTION, steps=3, seed=0)


def test_attention_by_hand_is_torchs_and_the_packages():
    q, k, v = drawn(5, 8), drawn(3, 8, seed=1), drawn(3, 8, seed=2)
    expected = F.scaled_dot_product_attention(q[None], k[None], v[None])[0]
    torch.testing.assert_close(lesson07.attention(q, k, v), expected, atol=1e-6, rtol=0)
    layer, x, context = Attention(8, 1, context_dim=6), drawn(1, 5, 8), drawn(1, 3, 6)
    k, v = layer.to_kv(context)[0].chunk(2, dim=-1)
    by_hand = layer.to_out(lesson07.attention(layer.to_q(x)[0], k, v))
    torch.testing.assert_close(by_hand, layer(x, context)[0], atol=1e-6, rtol=0)


def test_masked_weights_are_those_that_the_network_uses():
    torch.manual_seed(0)
    unet = UNet(UNET).eval()
    context, mask = drawn(2, 5, 8), torch.arange(5) < torch.tensor([[5], [3]])
    with attention_maps(unet) as maps, torch.no_grad():
        unet(drawn(2, 4, 8, 8), torch.tensor([3, 3]), context, mask)
    assert all((each.weights[1, ..., 3:] == 0).all() for each in maps)
    scores = drawn(2, 4, 5)
    weights = lesson07.masked_weights(scores, mask)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4))
    torch.testing.assert_close(weights[1, :, :3], torch.softmax(scores[1, :, :3], -1))
    assert (weights[1, :, 3:] == 0).all()


def test_a_very_negative_score_is_as_good_as_minus_infinity():
    def by_number(scores, mask):
        return torch.softmax(scores + (~mask)[:, None] * -1e9, dim=-1)

    assert judge(lesson07.EXERCISES[2], by_number).status == "right"


def test_shapes_are_those_of_a_real_layer():
    B, C, h, w, M, heads = 2, 12, 4, 6, 5, 3
    layer, seen = Attention(C, heads, context_dim=7), {}

    def noting(q, k, v, mask):
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
        seen.update(q=q.shape, k=k.shape, weights=weights.shape, sums=weights.sum(3))
        return weights @ v

    layer.attend = noting
    out = layer(drawn(B, h * w, C), drawn(B, M, 7)).mT.unflatten(2, (h, w))
    found = tuple(map(tuple, (seen["q"], seen["k"], seen["weights"], out.shape)))
    assert shapes(B, C, h, w, M, heads) == (*found, 3)
    torch.testing.assert_close(seen["sums"], torch.ones(B, heads, h * w), msg="axis 3 sums to 1")


def test_the_table_of_shapes_lists_every_attention_once():
    unet = UNet(UNET).eval()
    table = ShapeTable(unet)
    with table, torch.no_grad():
        unet(drawn(1, 4, 8, 8), torch.tensor([3]), drawn(1, 5, 8), torch.ones(1, 5, dtype=torch.bool))
    count = sum(isinstance(module, Attention) for module in unet.modules())
    assert len(table.rows) == count and {row["kind"] for row in table.rows} == {"self", "cross"}
    first = table.rows[0]
    assert (first["layer"], first["places"], first["looks at"], first["heads"]) == (
        "down.1.blocks.0",
        16,
        16,
        2,
    )
    assert table.rows[1]["looks at"] == 5 and table.rows[1]["attention weights"] == 2 * 16 * 5
    assert not any(module._forward_pre_hooks for module in unet.modules()), "it leaves nothing behind"


@pytest.mark.parametrize("scale", [0.0, 0.3])
def test_gradients_of_a_zero_convolution_are_autograds(scale):
    conv, x, g = nn.Conv2d(4, 4, 1), drawn(1, 4, 3, 3), drawn(1, 4, 3, 3, seed=1)
    nn.init.constant_(conv.weight, scale)
    x.requires_grad_()
    (conv(x) * g).sum().backward()
    flat = [each[0].flatten(1).T for each in (x.detach(), g)]
    weight, bias, back = zero_gradients(flat[0], conv.weight.detach()[:, :, 0, 0], flat[1])
    torch.testing.assert_close(weight, conv.weight.grad[:, :, 0, 0])
    torch.testing.assert_close(bias, conv.bias.grad)
    torch.testing.assert_close(back, x.grad[0].flatten(1).T)


def test_the_copy_of_a_controlnet_learns_from_its_second_step_on():
    torch.manual_seed(0)
    config = UNetConfig(channels=16, channel_mult=(1,), res_blocks=1, attention=(), norm_groups=4)
    unet = UNet(config)
    nn.init.normal_(unet.conv_out.weight, std=0.1)
    control = ControlNet(config, ControlConfig(hint_widths=(4, 4))).copy_from(unet)
    rows = largest_gradients(unet, control, drawn(1, 4, 8, 8), drawn(1, 3, 16, 16), t=torch.tensor([5]))
    assert [row["zero convolutions"] > 0 for row in rows] == [True, True]
    assert rows[0]["copied encoder"] == 0 and rows[1]["copied encoder"] > 0
    assert [row["U-Net"] for row in rows] == [0, 0], "it is frozen"


def test_a_soft_lookup_goes_from_the_mean_to_the_dictionary():
    keys, values = colour_keys(), colour_values()
    torch.testing.assert_close(shares(torch.zeros(2), keys), torch.full((6,), 1 / 6))
    sharp = shares(100 * direction(118.0), keys)
    assert sharp.argmax() == 2 and sharp.max() > 0.999, "a long query picks one key"
    torch.testing.assert_close(sharp @ values, values[2], atol=1e-2, rtol=0)
    half = shares(5 * direction(30.0), keys)
    torch.testing.assert_close(half[0], half[1], msg="between two keys both weigh the same")
    assert soft_lookup(4 * direction(30.0), "between").description == "between"


def test_a_record_holds_every_step_and_its_shares_sum_to_one(kept):
    assert kept.words == ["<start>", *CAPTION.split(), "<end>"]
    assert kept.seen.shape == (3, 3, 16, 16) and kept.drawn.shape == (3, 16, 16)
    torch.testing.assert_close(kept.seen[-1], kept.drawn, msg="the last picture seen is the one drawn")
    for step in (None, 1, 3):
        for layer in ("last", None, kept.maps.layers[0]):
            total = sum(kept.where(i, step, layer) for i in range(len(kept.words)))
            torch.testing.assert_close(total, torch.ones_like(total))
    assert torch.equal(kept.where("red"), kept.where(2)), "a word that stands there twice is its first"
    with pytest.raises(ValueError, match="'cat' is not among the words"):
        kept.where("cat")


def test_heat_shows_where_and_leaves_the_rest_grey(kept):
    where = torch.zeros(4, 4)
    where[0, 0] = 0.2
    hot = heated(torch.zeros(3, 16, 16), where)
    assert hot[0, 0, 0] > hot[2, 0, 0] + 0.5, "orange: more red than blue"
    assert torch.equal(hot[0, 8:, 8:], hot[2, 8:, 8:])
    assert heated(torch.zeros(3, 16, 16), where, most=1.0)[2, 0, 0] > hot[2, 0, 0], "less of a larger most"


def test_a_frame_leaves_its_inside():
    image = drawn(3, 16, 16).clamp(-1, 1)
    changed = (framed(image, 1, 3, 4) != image).any(0)
    assert changed.sum() == 12 and changed[4, 12:].all() and not changed[5:7, 13:15].any()


def test_the_viewer_follows_its_sliders(kept):
    box = viewer(kept, "hat")
    found = {}

    def walk(widget):
        found.setdefault(type(widget), []).append(widget)
        for child in getattr(widget, "children", ()):
            walk(child)

    walk(box)
    page, word, step = found[HTML][0], found[SelectionSlider][0], found[IntSlider][0]
    assert page.value == look_page(kept, kept.place("hat"), 3, "last")
    before = page.value
    step.value = 1
    assert page.value != before and page.value.count("<img") == 1 + len(kept.words)
    word.value = kept.place("dog")
    assert page.value.count('class="word picked"') == 1
    assert page.value == look_page(kept, kept.place("dog"), 1, "last")


def test_the_page_escapes_its_words_and_the_static_figure_has_all(kept):
    assert "&lt;start&gt;" in look_page(kept, 0, 1, None)
    assert looks(kept, ["red", "dog"], [1, 3]).description == "Which places look at which word"
    assert short("down.1.blocks.0.attention.blocks.0.cross_attention") == "down, level 1, block 0"
    assert short("middle.0.attention.blocks.0.cross_attention") == "middle"


def test_a_words_vector_depends_on_its_neighbours():
    torch.manual_seed(0)
    conditioner = CaptionConditioner(CONFIG)
    vectors = [word_in(conditioner, caption, "red") for caption in ("a red hat", "a red dog", "a red hat")]
    assert torch.equal(vectors[0], vectors[2]) and not torch.allclose(vectors[0], vectors[1], atol=1e-3)


def test_padding_that_is_read_changes_the_words():
    torch.manual_seed(0)
    conditioner = CaptionConditioner(CONFIG)
    with torch.no_grad():
        short, full = (conditioner.tokenize([each]) for each in ("a red", "a red hat on a red dog a red hat"))
        assert padding_read(conditioner, short).mask.all()
        moved = padding_read(conditioner, short).context - conditioner(short).context
        same = padding_read(conditioner, full).context - conditioner(full).context
    assert moved[0, :4].abs().max() > 1e-3 and torch.equal(same, torch.zeros_like(same))


def test_maps_and_edges_become_pictures():
    classes = torch.arange(5, dtype=torch.uint8).view(1, 1, 5)
    assert torch.equal(coloured(classes)[0, :, 0].T, PALETTE), "a colour for each class"
    edges = torch.tensor([[[[0, 255]]]], dtype=torch.uint8)
    assert lines_of(edges).tolist() == [[[[255, 0]]] * 3], "dark lines on white"
