"""Lesson 09: its solutions are what the package does, and what it says of the ring is right."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tiny import LDM

from ldm_tutorial.classroom.exercises import judge
from ldm_tutorial.classroom.lessons import guidance_rescale, lesson09
from ldm_tutorial.classroom.lessons.guidance_arrows import answers, arrows
from ldm_tutorial.classroom.lessons.guidance_drop import drop, drop_exercise
from ldm_tutorial.classroom.lessons.guidance_peeps import Portraits, found, spreads
from ldm_tutorial.classroom.lessons.guidance_plane import NULL, judged, ring, sharpened
from ldm_tutorial.classroom.lessons.guidance_training import away, fit
from ldm_tutorial.conditioning import CaptionConfig, build_vocabulary, drop_conditions
from ldm_tutorial.diffusion import DPMSolverPP2M, NoiseSchedule, guide
from ldm_tutorial.diffusion.guidance import rescaled, std_of_each
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.metrics.attributes import JUDGED

SCHEDULE = NoiseSchedule.linear()


WISHES = (("green", ["hair", "skin"]), ("red", ["mask"]))  # colour of everything, and what is mentioned


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def world():
    return ring()


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    words = CaptionConfig(build_vocabulary(["a person, someone with a hat"]), dim=8, heads=2, depth=1)
    return LatentDiffusion(replace(LDM, conditioner=words)).eval()


def test_dropping_is_the_packages():
    tokens, null = torch.randint(4, 9, (50, 5), generator=seeded()), torch.tensor([2, 3, 0, 0, 0])
    got, expected = (f(tokens, null, 0.3, seeded(1)) for f in (drop, drop_conditions))
    assert torch.equal(got, expected)


def test_dropping_in_other_ways_is_right_too():
    def bernoulli(tokens, null_tokens, rate, generator):
        out, gone = tokens.clone(), torch.full((len(tokens),), rate).bernoulli(generator=generator).bool()
        out[gone] = null_tokens
        return out

    verdict = judge(drop_exercise, bernoulli)
    assert verdict.status == "right", verdict.text


def test_dropping_in_place_and_by_leaving_images_out_is_told():
    def in_place(tokens, null_tokens, rate, generator):
        tokens[torch.rand(len(tokens), generator=generator) < rate] = null_tokens
        return tokens

    assert "overwritten" in judge(drop_exercise, in_place).text
    shorter = judge(drop_exercise, lambda tokens, null, rate, generator: tokens[1:])  # noqa: ARG005
    assert "shape" in shorter.text


def test_the_axis_that_a_mask_lacks_is_named_and_other_errors_are_told():
    def product(tokens, null_tokens, rate, generator):
        kept = (torch.rand(len(tokens), generator=generator) >= rate).long()
        return kept * tokens + (1 - kept) * null_tokens

    assert judge(drop_exercise, product).mistake == "a missing axis"
    other = judge(drop_exercise, lambda tokens, null, rate, generator: tokens @ null)  # noqa: ARG005
    assert other.mistake != "a missing axis"
    broken = judge(drop_exercise, lambda tokens, null, rate, generator: tokens.view(3, 3))  # noqa: ARG005
    assert "stopped with RuntimeError" in broken.text


def test_another_rescaling_of_the_same_numbers_is_right():
    def by_hand(guided, conditional, share):
        wide, narrow = (x.flatten(1).std(1)[:, None, None, None] for x in (guided, conditional))
        return guided * (1 + share * (narrow / wide - 1))

    assert judge(lesson09.rescale_exercise, by_hand).status == "right"


def test_guidance_and_rescaling_are_the_packages():
    z, told, null = torch.randn(3, 2, 4, 8, 8, generator=seeded())
    t, denoise = torch.tensor([3, 90]), lambda z, t, c: torch.tanh(z + c) + t[:, None, None, None] / 1000
    plain = guide(denoise, null, 4.0)(z, t, told)
    torch.testing.assert_close(lesson09.guided(denoise, z, t, told, null, 4.0), plain)
    torch.testing.assert_close(
        lesson09.other_form(denoise(z, t, null), denoise(z, t, told), 4.0), plain, rtol=0, atol=1e-5
    )
    conditional = denoise(z, t, told)
    expected = guide(denoise, null, 4.0, rescale=0.7)(z, t, told)
    torch.testing.assert_close(guidance_rescale.rescaled(plain, conditional, 0.7), expected)
    torch.testing.assert_close(rescaled(plain, std_of_each(conditional), 0.7), expected)


def test_the_ring_knows_its_densities(world):
    points, classes = world.draw(6000, seeded())
    assert points.mean(0).abs().max() < 0.1 and set(classes.tolist()) == {1, 2, 3}
    x = torch.linspace(-2.5, 2.5, 201, dtype=torch.float64)
    square = torch.cartesian_prod(x, x)
    for condition in (NULL, 1):
        total = world.log_density(square, condition).exp().sum() * (x[1] - x[0]) ** 2
        assert total.item() == pytest.approx(1, abs=1e-3)
    sure = world.share(points, 1)
    assert sure.mean().item() == pytest.approx(1 / 3, abs=0.02), "a third of all points are of class 1"
    assert sure[classes == 1].mean() > 0.85


def test_the_denoiser_of_each_condition_is_that_of_its_points(world):
    z, t = torch.randn(30, 2, generator=seeded(), dtype=torch.float64), torch.randint(1000, (30,))
    asked = torch.arange(30)[:, None] % 4
    got = world.denoiser(SCHEDULE)(z, t, asked)
    for condition in range(4):
        of = asked[:, 0] == condition
        torch.testing.assert_close(got[of], world.of(condition).denoiser(SCHEDULE)(z[of], t[of]))


def test_guidance_leaves_the_data_and_loses_variety_and_the_sharpened_density_stays(world):
    real, start = world.of(1).draw(600, seeded(1)), torch.randn(600, 2, generator=seeded(2)).double()
    denoise, null, told = world.denoiser(SCHEDULE), torch.zeros(1, 1).long(), torch.ones(600, 1).long()
    sampler = DPMSolverPP2M(SCHEDULE, 30, spacing="karras")
    found = {}
    for w in (0.0, 1.0, 3.0, 8.0):
        found[w] = judged(world, sampler.sample(guide(denoise, null, w), start, told), 1, real)
    right, on, recall = ([f[name] for f in found.values()] for name in found[0.0])
    assert right == sorted(right) and right[0] < 0.4 and right[-1] > 0.99
    assert on[1] > 0.97 and on[-1] < 0.7 and recall[1] > 0.9 and recall[-1] < 0.2
    exact = judged(world, sharpened(world, 1, 8.0, 600, seeded(3)), 1, real)
    assert exact["on the data"] > 0.97 and exact["of the right class"] > 0.99


def test_sharpened_points_have_the_density_that_they_should(world):
    points = sharpened(world, 1, 3.0, 4000, seeded())
    plain = world.of(1).draw(40_000, seeded(1))
    weight = world.share(plain, 1) ** 2
    for measure in (lambda x: x[:, 0].abs(), lambda x: x[:, 1]):
        expected = (measure(plain) * weight).sum() / weight.sum()
        assert measure(points).mean().item() == pytest.approx(expected.item(), abs=0.02)


def test_the_answers_lie_on_a_line(world):
    z_t = torch.tensor([[0.5, 0.4], [-1.0, 0.2]], dtype=torch.float64)
    named = answers(world.denoiser(SCHEDULE), SCHEDULE, z_t, 400, 1, 3.0)
    empty, told, guided = named.values()
    torch.testing.assert_close(guided, empty + 3 * (told - empty))
    a, _ = SCHEDULE.signal_and_noise(torch.tensor([400, 400]), z_t)
    x0 = world.of(1).denoiser(SCHEDULE, "x0")(z_t, torch.tensor([400, 400]))
    torch.testing.assert_close(told, a * x0)
    picture = arrows({"t = 400": (z_t, named)}, "a line", world.all.draw(50, seeded()), z_t)
    assert picture.description == "a line"


def test_a_network_whose_conditions_were_never_dropped_has_no_null(world):
    perfect = world.denoiser(SCHEDULE)
    kept, dropped = (fit(world, SCHEDULE, rate, steps=150) for rate in (0.0, 0.3))
    assert away(kept, perfect, world, SCHEDULE, NULL) > 1.5 * away(dropped, perfect, world, SCHEDULE, NULL)
    assert away(dropped, perfect, world, SCHEDULE, 1) < 0.5


def test_portraits_are_the_models_samples_and_are_kept(model):
    portraits, captions = Portraits(model, steps=3, seed=5), ["a person", "someone"]
    options = {"steps": 3, "seed": 5, "sampler": DPMSolverPP2M}
    expected = model.sample(captions, guidance_scale=2.0, **options)
    torch.testing.assert_close(portraits.images(captions, 2.0), expected)
    assert portraits.latents(captions, 2.0) is portraits.latents(captions, 2.0), "drawn once"
    away_from = {"negative_prompt": "a hat"}
    expected = model.sample(captions, guidance_scale=2.0, **away_from, **options)
    torch.testing.assert_close(portraits.images(captions, 2.0, **away_from), expected)
    assert 0 <= portraits.outside(portraits.latents(captions, 2.0)) <= 1


def test_every_combination_is_drawn_as_if_alone_and_without_a_warning(model):
    portraits = Portraits(model, steps=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = portraits.every(["a person", "someone"], ["", "a hat"], [0, 1, 2], [3, 4])
    assert len(found) == 2 * 2 * 3 * 2
    options = {"steps": 2, "sampler": DPMSolverPP2M}
    alone = model.sample(["someone"], guidance_scale=2, seed=4, negative_prompt="a hat", **options)
    torch.testing.assert_close(found["someone", "a hat", 2, 4], alone[0])
    assert torch.equal(found["someone", "a hat", 1, 3], found["someone", "", 1, 3])


def test_spreads_are_those_of_what_the_network_sees(model):
    z = torch.randn(3, *model.latent_shape, generator=seeded())
    found = spreads(model, z, ["a person"] * 3, 500, [0.0, 1.0, 5.0])
    ts = torch.full((3,), 500)
    z_t = model.schedule.add_noise(z, torch.randn(z.shape, generator=seeded(500)), ts)
    told = model.encode(model.conditioner.tokenize(["a person"] * 3))
    with torch.no_grad():
        x0 = model.schedule.to_x0(model.denoise(z_t, ts, told), z_t, ts, model.config.prediction)
    assert found[1.0] == pytest.approx(x0.std((1, 2, 3)).mean().item())


def test_attributes_are_counted_over_all_kinds():
    def judge():
        return None

    judge.config = SimpleNamespace(kinds=[(kind, ()) for kind in JUDGED])
    judge.read = lambda images: [dict.fromkeys(JUDGED, "green") for _ in images]
    green, red = ({"attributes": dict.fromkeys(JUDGED, colour), "mentions": m} for colour, m in WISHES)
    assert found(judge, torch.zeros(2, 3, 8, 8), [green, red]) == (2, 3)
