import warnings
from typing import NamedTuple

import pytest
import torch

from ldm_tutorial.diffusion import DDIM, NoiseSchedule, guide


class Condition(NamedTuple):
    context: torch.Tensor
    mask: torch.Tensor


class Recorder:
    """A denoiser that depends on everything it is given, image by image, and remembers its batch sizes."""

    def __init__(self):
        self.batches = []

    def __call__(self, z_t, t, condition):
        self.batches.append(len(z_t))
        if isinstance(condition, Condition):
            condition = (condition.context * condition.mask[:, :, None]).sum(dim=1)
        return torch.tanh(z_t + condition) + t[:, None] / 1000


@pytest.fixture
def inputs():
    z_t, condition = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    return z_t, torch.tensor([5, 500, 999]), condition


def test_w_1_is_the_conditional_denoiser_alone(inputs):
    denoise = Recorder()
    guided = guide(denoise, torch.zeros(1, 4), 1.0)(*inputs)
    assert denoise.batches == [3]
    assert torch.equal(guided, denoise(*inputs))


def test_w_0_is_the_unconditional_denoiser_alone(inputs):
    denoise, null = Recorder(), torch.full((1, 4), 0.5)
    guided = guide(denoise, null, 0)(*inputs)
    assert denoise.batches == [3]
    assert torch.equal(guided, denoise(inputs[0], inputs[1], null.expand(3, 4)))


@pytest.mark.parametrize("w", [-1.0, 0.5, 3.0, 7.5])
def test_other_w_are_the_formula_in_one_call(inputs, w):
    z_t, t, condition = inputs
    denoise, null = Recorder(), torch.full((1, 4), 0.5)
    guided = guide(denoise, null, w)(z_t, t, condition)
    assert denoise.batches == [6], "guidance must batch both passes into one call"
    empty, conditional = denoise(z_t, t, null), denoise(z_t, t, condition)
    torch.testing.assert_close(guided, empty + w * (conditional - empty), rtol=0, atol=1e-6)
    s = w - 1
    torch.testing.assert_close(guided, (1 + s) * conditional - s * empty, rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"rescale": 0.7}, {"interval": (100, 600)}])
def test_two_passes_give_what_one_batch_gives(inputs, options):
    null = torch.full((1, 4), 0.5)
    one, two = Recorder(), Recorder()
    expected = guide(one, null, 4.0, **options)(*inputs)
    passes = guide(two, null, 4.0, batched=False, **options)(*inputs)
    torch.testing.assert_close(passes, expected, rtol=0, atol=1e-6)
    assert set(two.batches) == {3}, "no call should hold more than one prediction for each image"


def test_a_negative_condition_takes_the_place_of_the_null(inputs):
    z_t, t, condition = inputs
    denoise, unwanted = Recorder(), torch.full((3, 4), -0.7)
    guided = guide(denoise, torch.zeros(1, 4), 3.0, negative=unwanted)(z_t, t, condition)
    away, towards = denoise(z_t, t, unwanted), denoise(z_t, t, condition)
    torch.testing.assert_close(guided, away + 3 * (towards - away), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("w", "effect"), [(1, "has no effect"), (0.5, "draws towards"), (0, "draws towards")]
)
def test_a_negative_condition_that_can_not_lead_away_is_warned_of(inputs, w, effect):
    with pytest.warns(UserWarning, match=rf"guidance_scale is {w}; a negative prompt {effect}"):
        guide(Recorder(), torch.zeros(1, 4), w, negative=torch.ones(1, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        guide(Recorder(), torch.zeros(1, 4), 1.5, negative=torch.ones(1, 4))
        guide(Recorder(), torch.zeros(1, 4), w)


def test_outside_the_interval_the_condition_is_followed_plainly_and_asked_once(inputs):
    z_t, _, condition = inputs  # t = 5, 500, 999
    denoise = Recorder()
    guided = guide(denoise, torch.zeros(1, 4), 3.0, interval=(100, 500))
    full, plain = guide(denoise, torch.zeros(1, 4), 3.0)(*inputs), denoise(*inputs)
    expected = torch.stack([plain[0], full[1], plain[2]])
    torch.testing.assert_close(guided(*inputs), expected, rtol=0, atol=1e-6)
    for timestep, batch in ((99, 3), (100, 6), (500, 6), (501, 3)):
        denoise.batches.clear()
        guided(z_t, torch.full((3,), timestep), condition)
        assert denoise.batches == [batch], f"t = {timestep} should take one call of {batch}"


def test_rescaling_gives_the_spread_of_the_conditional_prediction_back():
    shape = (3, 4, 8, 8)
    z_t, condition, null = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
    t, denoise = torch.tensor([5, 500, 999]), lambda z, _t, c: z + 2 * c

    def at(share):
        return guide(denoise, null, 6.0, rescale=share)(z_t, t, condition)

    std = denoise(z_t, t, condition).std((1, 2, 3))
    torch.testing.assert_close(at(1.0).std((1, 2, 3)), std)
    assert (at(0.0).std((1, 2, 3)) > 2 * std).all(), "guidance should widen the prediction"
    torch.testing.assert_close(at(0.7), 0.7 * at(1.0) + 0.3 * at(0.0))
    reference = pytest.importorskip("diffusers.guiders.guider_utils").rescale_noise_cfg
    expected = reference(at(0.0), denoise(z_t, t, condition), guidance_rescale=0.7)
    torch.testing.assert_close(at(0.7), expected)


def test_several_conditions_compose_as_a_sum(inputs):
    z_t, t, first = inputs
    second, null, denoise = -0.3 * first + 1, torch.full((1, 4), 0.5), Recorder()
    guided = guide(denoise, null, [3.0, -2.0])(z_t, t, [first, second])
    assert denoise.batches == [9]
    empty, one, other = (denoise(z_t, t, c) for c in (null, first, second))
    expected = empty + 3 * (one - empty) - 2 * (other - empty)
    torch.testing.assert_close(guided, expected, rtol=0, atol=1e-6)
    two_pass = guide(denoise, null, [3.0, -2.0], batched=False)(z_t, t, [first, second])
    torch.testing.assert_close(two_pass, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(guide(denoise, null, [1.0, 0.0])(z_t, t, [first, second]), one)
    outside = guide(denoise, null, [3.0, -2.0], interval=(2000, 3000))(z_t, t, [first, second])
    assert torch.equal(outside, one), "outside of the interval, what isn't wanted is left out"


def test_composing_independent_conditions_gives_the_score_of_their_product():
    """For Gaussian p(z), p(c|z) the sum with w = 1 is exact: scores of independent evidence add up."""
    z = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    first, second = torch.tensor([[1.0, -1.0]]), torch.tensor([[0.5, 2.0]])

    def score(z_t, _t, condition):  # of p(z) N(c; z, 1), and of p(z) alone where c is NaN
        return -z_t + torch.nan_to_num(condition - z_t, nan=0.0)

    null = torch.full((1, 2), torch.nan)
    composed = guide(score, null, [1.0, 1.0])(z, torch.zeros(5), [first.expand(5, 2), second.expand(5, 2)])
    torch.testing.assert_close(composed, -z + (first - z) + (second - z))


class Parts(NamedTuple):
    vector: torch.Tensor
    image: torch.Tensor | None = None


def test_a_part_may_be_left_out_but_by_both(inputs):
    z_t, t, condition = inputs
    denoise, plain = Recorder(), guide(Recorder(), torch.zeros(1, 4), 2.0)(*inputs)
    guided = guide(lambda z, t, c: denoise(z, t, c.vector), Parts(torch.zeros(1, 4)), 2.0)
    assert torch.equal(guided(z_t, t, Parts(condition)), plain)
    with pytest.raises(ValueError, match="condition is a Tensor but the null condition a NoneType"):
        guided(z_t, t, Parts(condition, condition))


def test_the_result_is_linear_in_w(inputs):
    at = {w: guide(Recorder(), torch.zeros(1, 4), w)(*inputs) for w in (0, 1, 2, 3)}
    for w in (2, 3):
        torch.testing.assert_close(at[w], at[0] + w * (at[1] - at[0]), rtol=0, atol=1e-6)


def test_a_null_of_batch_1_equals_the_same_null_for_each_image(inputs):
    null = torch.randn(1, 4, generator=torch.Generator().manual_seed(1))
    for w in (0, 2):
        one, each = guide(Recorder(), null, w), guide(Recorder(), null.repeat(3, 1), w)
        assert torch.equal(one(*inputs), each(*inputs))


@pytest.mark.parametrize("w", [0, 1, 2.5])
def test_named_tuples_keep_their_type_and_their_parts(w):
    generator = torch.Generator().manual_seed(0)
    z_t, t = torch.randn(2, 4, generator=generator), torch.tensor([0, 9])
    condition = Condition(torch.randn(2, 3, 4, generator=generator), torch.tensor([[True, True, False]] * 2))
    null = Condition(torch.randn(1, 3, 4, generator=generator), torch.tensor([[True, False, False]]))
    denoise = Recorder()
    empty = denoise(z_t, t, Condition(null.context.repeat(2, 1, 1), null.mask.repeat(2, 1)))
    expected = empty + w * (denoise(z_t, t, condition) - empty)
    torch.testing.assert_close(guide(denoise, null, w)(z_t, t, condition), expected, rtol=0, atol=1e-6)


def test_samplers_take_a_guided_denoiser(inputs):
    z, _, condition = inputs
    sampler = DDIM(NoiseSchedule.linear(), steps=5)
    plain = sampler.sample(Recorder(), z, condition)
    assert torch.equal(sampler.sample(guide(Recorder(), torch.zeros(1, 4), 1), z, condition), plain)
    assert not torch.allclose(sampler.sample(guide(Recorder(), torch.zeros(1, 4), 3), z, condition), plain)


def test_messages(inputs):
    z_t, t, condition = inputs
    with pytest.raises(ValueError, match="guidance_scale is nan; it must be a finite number"):
        guide(Recorder(), torch.zeros(1, 4), float("nan"))
    with pytest.raises(ValueError, match="rescale is 1.5; it is a share between 0 and 1"):
        guide(Recorder(), torch.zeros(1, 4), 2, rescale=1.5)
    with pytest.raises(ValueError, match=r"interval is \(600, 100\); give the lowest and the highest"):
        guide(Recorder(), torch.zeros(1, 4), 2, interval=(600, 100))
    with pytest.raises(ValueError, match="1 conditions came for 2 guidance scales"):
        guide(Recorder(), torch.zeros(1, 4), [2, 3])(z_t, t, [condition])
    guided = guide(Recorder(), torch.zeros(1, 4), 2)
    with pytest.raises(ValueError, match="condition is a NoneType but the null condition a Tensor"):
        guided(z_t, t, None)
    with pytest.raises(
        ValueError, match=r"condition has shape \(3, 5\); for 3 images .* it must be \(3, 4\)"
    ):
        guided(z_t, t, torch.zeros(3, 5))
    with pytest.raises(ValueError, match="the null condition has batch 2 for 3 images; give 1 or 3"):
        guide(Recorder(), torch.zeros(2, 4), 2)(z_t, t, condition)
