"""Lesson 02: its solutions are what the package does, and its small worlds behave as they are said to."""

import math

import pytest
import torch

from ldm_tutorial.classroom.exercises import judge
from ldm_tutorial.classroom.lessons import lesson02, vq_counts, vq_gradients
from ldm_tutorial.classroom.lessons.vq_memory import halfway, learned, remembered, stream
from ldm_tutorial.classroom.lessons.vq_pictures import code_colours, code_map, mosaic, to_images, to_patches
from ldm_tutorial.classroom.lessons.vq_plane import START, WANTED, cells, quantised, six_steps
from ldm_tutorial.classroom.lessons.vq_pull import misses, tug
from ldm_tutorial.first_stage import Codebook, nearest_code, perplexity
from ldm_tutorial.first_stage.prior import draw


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def codebook():
    torch.manual_seed(0)
    codebook = Codebook(16, 4, commitment=0.25)
    torch.nn.init.normal_(codebook.weight)
    return codebook


def test_words_are_the_codebooks(codebook):
    z = randn(2, 4, 3, 5)
    assert torch.equal(lesson02.words(z, codebook.weight.detach()), codebook(z).codes)


def test_value_and_gradients_are_those_of_the_codebook(codebook):
    z = randn(2, 4, 3, 5).requires_grad_()
    out = codebook(z)
    e = codebook.look_up(out.codes)
    mine = vq_gradients.vq_loss(z, e, 0.25)
    torch.testing.assert_close(mine, out.loss)
    pulls = [torch.autograd.grad(loss, (z, codebook.weight), retain_graph=True) for loss in (mine, out.loss)]
    for ours, theirs in zip(*pulls, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert torch.equal(vq_gradients.straight_through(z, e), out.z)


def test_a_wrong_gradient_behind_a_right_value_is_seen():
    told = vq_gradients.with_gradients(lambda z, e: z + e - z)
    value, of_z, of_e = told(randn(3, 2), randn(3, 2, seed=1))
    torch.testing.assert_close(value, randn(3, 2, seed=1))
    assert not of_z.any() and of_e.abs().min() >= 0.5
    assert vq_gradients.with_gradients(lambda *_: None)(randn(1, 2), randn(1, 2)) is None
    verdict = judge(vq_gradients.straight_through_exercise, lambda z, e: e + 2 * (z - z.detach()))
    assert verdict.status == "wrong" and "The gradient of z" in verdict.text, verdict.text


def test_an_overwritten_input_is_not_a_gradient():
    def overwritten(z, e):
        z.data = e.data
        return z

    verdict = judge(vq_gradients.straight_through_exercise, overwritten)
    assert verdict.status == "wrong" and "changed its input" in verdict.text, verdict.text


def test_any_plain_number_is_told_that_it_has_no_gradient():
    verdict = judge(vq_gradients.vq_loss_exercise, lambda *_: 1.5)
    assert verdict.mistake == "a plain number", verdict.text


def test_a_lesson_2_answer_may_be_a_number_or_a_tensor():
    as_tensor = lambda counts: torch.tensor(vq_counts.perplexity(counts))  # noqa: E731
    assert judge(vq_counts.perplexity_exercise, as_tensor).status == "right"


def test_moving_averages_are_the_codebooks():
    torch.manual_seed(0)
    codebook, z = Codebook(8, 4, ema_decay=0.9), randn(2, 4, 5, 5)
    counts, sums = torch.zeros(8), torch.zeros(8, 4)
    for _ in range(3):
        codes = codebook(z).codes
        codebook.learn(z, codes)
        vectors = z.permute(0, 2, 3, 1).reshape(-1, 4)
        counts, sums, weight = vq_counts.ema_update(counts, sums, vectors, codes.flatten(), 0.9)
        torch.testing.assert_close(codebook.counts, counts)
        torch.testing.assert_close(codebook.sums, sums)
        chosen = counts > 0
        torch.testing.assert_close(codebook.weight[chosen], weight[chosen])


def test_perplexity_is_the_packages():
    counts = torch.tensor([4, 0, 7, 1, 1])
    assert vq_counts.perplexity(counts.float()) == pytest.approx(perplexity(counts))


def test_chances_are_those_that_the_prior_draws_with():
    logits, n = 2 * randn(1, 9), 4000
    uniform = (torch.arange(n) + 0.5) / n  # evenly spread draws count probabilities out
    drawn = draw(logits.expand(n, -1), uniform, temperature=0.7, top_k=4)
    shares = torch.bincount(drawn, minlength=9) / n
    torch.testing.assert_close(shares, lesson02.chances(logits, 0.7, 4)[0], atol=2 / n, rtol=0)


def test_each_vector_of_the_plane_goes_to_its_nearest_code_and_its_gradient_is_copied():
    codebook, z, codes, gradient = quantised(START)
    vectors = z[0].flatten(1).T
    assert torch.equal(codes.flatten(), nearest_code(vectors, codebook.weight.detach()))
    assert len(set(codes.flatten().tolist())) == 5, "every code of the example has a vector"
    code = codebook.weight[codes[1, 1]].detach()
    torch.testing.assert_close(gradient, 2 * (code - WANTED))
    moved = quantised({**START, "vector 4": (-1.0, -0.9)})[2]
    assert moved[1, 1] == 2 and moved.flatten().tolist().count(2) == codes.flatten().tolist().count(2) + 1


def test_the_figures_follow_the_points():
    first, other = six_steps(START), six_steps({**START, "code 1": (-1.8, -1.8)})
    assert first.png != other.png and "vector 4 becomes code 1" in first.description
    assert cells({"a": (randn(5, 2), randn(3, 2))}, "cells").png[:4] == b"\x89PNG"


def test_pulls_come_to_rest_as_fast_as_the_closed_form_says():
    def rate_of(codes, commitment):
        far = misses(tug(codes, commitment, steps=3000, rate=0.01)).double()
        return -(far[1500:2500:500].log().diff() / (500 * 0.01)).mean().item()

    assert rate_of(0.25, 1.0) == pytest.approx(0.5, rel=0.05), "weights swapped: it creeps"
    ends = misses(tug(1.0, 0.25, steps=400, rate=0.02))
    assert ends[-1] < 0.002 * ends[0], "the paper's weights: near exp(-1.25 t), t = 8"
    held = tug(0.0, 0.5, steps=2000, rate=0.02)
    expected = held[0, 1] - (held[0, 1] - torch.tensor((1.2, 0.6))) / 0.5
    torch.testing.assert_close(held[-1, 0], expected), "commitment alone: rest where the two pulls are equal"
    assert torch.equal(held[-1, 1], held[0, 1]), "and the code has not moved"
    free = tug(0.0, 0.0, steps=100)
    steps = free[:, 0].diff(dim=0)
    torch.testing.assert_close(steps, steps[:1].expand_as(steps), atol=1e-5, rtol=0), "without: for ever on"


@pytest.mark.parametrize("decay", [0.5, 0.9, 0.99])
def test_the_codebook_remembers_as_its_closed_form_says(decay):
    batches = stream(40)
    torch.testing.assert_close(learned(batches, decay), remembered(batches, decay), atol=1e-4, rtol=0)


@pytest.mark.parametrize("decay", [0.9, 0.95, 0.99])
def test_half_of_a_full_memory_is_forgotten_after_the_half_life(decay):
    assert halfway(stream(800), decay) == pytest.approx(math.log(0.5) / math.log(decay), abs=1)


def test_a_young_memory_is_shorter():
    young = math.log(0.5 / (1 - 0.5 * 0.99**50)) / math.log(0.99)  # gamma^b (1 - gamma^50 / 2) = 1/2
    assert halfway(stream(100), 0.99) == pytest.approx(young, abs=2)


def test_colours_tell_codes_apart_and_bring_neighbours_together():
    vectors = torch.cat([randn(30, 4), randn(30, 4) + 1e-3])
    colours = code_colours(vectors).int()
    assert colours.shape == (60, 3) and len(set(map(tuple, colours[:30].tolist()))) == 30
    assert (colours[:30] - colours[30:]).abs().max() <= 2
    painted = code_map(torch.arange(4).view(1, 2, 2), code_colours(vectors), size=8)
    assert torch.equal(painted[0, :, 7, 7], code_colours(vectors)[3])


def test_patches_come_back_and_tiles_stand_in_reading_order():
    images = randn(2, 3, 8, 12)
    assert to_patches(images).shape == (2, 48, 2, 3)
    assert torch.equal(to_images(to_patches(images)), images)
    page = mosaic(torch.stack([torch.full((3, 2, 2), v) for v in (-1.0, 0.0, 1.0)]), columns=2, scale=1)
    assert page.shape == (3, 6, 6) and page[0, 0, 0] == 0 and page[0, 0, 3] in (127, 128)
    assert page[0, 3, 0] == 255, "the third tile begins the second row"
