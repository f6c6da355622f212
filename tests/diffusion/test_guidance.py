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
    guided = guide(Recorder(), torch.zeros(1, 4), 2)
    with pytest.raises(ValueError, match="condition is a NoneType but the null condition a Tensor"):
        guided(z_t, t, None)
    with pytest.raises(
        ValueError, match=r"condition has shape \(3, 5\); for 3 images .* it must be \(3, 4\)"
    ):
        guided(z_t, t, torch.zeros(3, 5))
    with pytest.raises(ValueError, match="the null condition has batch 2 for 3 images; give 1 or 3"):
        guide(Recorder(), torch.zeros(2, 4), 2)(z_t, t, condition)
