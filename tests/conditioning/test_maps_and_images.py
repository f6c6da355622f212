"""Conditions that have a place for every pixel."""

import pytest
import torch

from ldm_tutorial.conditioning import (
    ImageConditioner,
    ImageConfig,
    MapConditioner,
    MapConfig,
    edges_of,
    lowered,
)

MAPS = MapConfig(("background", "skin", "hair"), size=4)


def test_a_map_has_a_channel_for_each_class_and_one_for_unknown():
    model = MapConditioner(MAPS)
    semantic_map = torch.randint(0, 3, (4, 4), generator=torch.Generator().manual_seed(0))
    picture = model(model.tokenize([semantic_map]))
    assert picture.shape == (1, 4, 4, 4) and model.channels == 4
    assert torch.equal(picture.argmax(1)[0], semantic_map) and (picture.sum(1) == 1).all()
    null = model(model.null_tokens[None])
    assert null[:, -1].all() and not null[:, :-1].any()


@pytest.mark.parametrize(
    ("semantic_map", "message"),
    [
        (torch.zeros(4, 5).long(), r"map 0 has shape \(4, 5\); this model reads \(4, 4\)"),
        (torch.full((4, 4), 7), "a map has class 7; this model knows 0 background, 1 skin, 2 hair"),
        (torch.full((4, 4), 3), "a map has class 3; this model knows"),
        (torch.full((4, 4), -1), "a map has class -1; this model knows"),
        (torch.full((4, 4), 0.5), "a map has class 0.5; this model knows"),
    ],
)
def test_a_map_that_does_not_fit_is_refused(semantic_map, message):
    with pytest.raises(ValueError, match=message):
        MapConditioner(MAPS).tokenize([semantic_map])


def test_an_image_says_what_of_it_is_known():
    model = ImageConditioner(ImageConfig(4))
    image = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0)) * 2 - 1
    known = torch.ones(4, 4, dtype=torch.bool)
    known[1:3, 1:3] = False
    whole, masked = model(model.tokenize([image, (image, known)]))
    torch.testing.assert_close(whole[:3], image, rtol=0, atol=0.005)
    assert torch.equal(masked[3], known.float()) and whole[3].all()
    assert not masked[:3, 1:3, 1:3].any(), "behind the mask there must be nothing"
    torch.testing.assert_close(masked[:3] * known, image * known, rtol=0, atol=0.005)
    assert not model(model.null_tokens[None]).any()


def test_a_small_image_is_enlarged():
    model = ImageConditioner(ImageConfig(4))
    small = torch.randint(0, 256, (3, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    tokens = model.tokenize([small])[0, :3]
    assert torch.equal(tokens[:, ::2, ::2], small) and torch.equal(tokens[:, 1::2, 1::2], small)
    assert torch.equal(lowered(tokens[None], 2)[0], small)


@pytest.mark.parametrize("shape", [(3, 8, 8), (3, 3, 3), (1, 4, 4), (4, 4), (3, 4, 2)])
def test_an_image_that_does_not_fit_is_refused(shape):
    with pytest.raises(ValueError, match=r"image has shape .*; this model reads \(3, 4, 4\), or squares"):
        ImageConditioner(ImageConfig(4)).tokenize([torch.zeros(shape)])
    with pytest.raises(ValueError, match=r"known has shape \(2, 2\) for an image of \(4, 4\)"):
        ImageConditioner(ImageConfig(4)).tokenize([(torch.zeros(3, 4, 4), torch.ones(2, 2))])


def test_training_hides_a_box_in_the_share_of_images_that_was_stated():
    model = ImageConditioner(ImageConfig(16, hide=0.3))
    n = 20_000
    tokens = torch.full((n, 4, 16, 16), 255, dtype=torch.uint8)
    hidden = model.hide(tokens, torch.Generator().manual_seed(0)) == 0
    count = hidden.flatten(1).any(1).sum().item()
    assert abs(count - 0.3 * n) < 4.5 * (n * 0.3 * 0.7) ** 0.5
    boxes = hidden[hidden.flatten(1).any(1), -1]
    heights, widths = boxes.any(2).sum(1), boxes.any(1).sum(1)
    assert torch.equal(heights * widths, boxes.sum((1, 2))), "what is hidden must be a box"
    assert heights.min() >= 4 and heights.max() <= 12 and widths.min() >= 4 and widths.max() <= 12


def test_edges_are_where_the_brightness_changes():
    image = torch.zeros(1, 3, 8, 8, dtype=torch.uint8)
    image[..., 4:] = 255
    edges = edges_of(image)
    assert edges.shape == (1, 1, 8, 8) and edges.dtype == torch.uint8
    assert torch.equal(edges[0, 0].any(0).nonzero().flatten(), torch.tensor([3, 4]))
    assert not edges_of(torch.full((1, 3, 8, 8), 99, dtype=torch.uint8)).any(), "a border is no edge"
