"""The autoencoder without regularisation keeps the first stage's promises."""

from dataclasses import asdict

import pytest
import torch
from tiny import KL

from ldm_tutorial.first_stage import (
    IdentityFirstStage,
    PlainAutoencoder,
    PlainConfig,
    VQAutoencoder,
    VQConfig,
)

PLAIN = PlainConfig(**asdict(KL))
VQ = VQConfig(**asdict(KL), codes=16)


@pytest.fixture
def plain():
    torch.manual_seed(0)
    return PlainAutoencoder(PLAIN).eval().requires_grad_(False)


@pytest.fixture
def images():
    return torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_latents_have_unit_variance_and_no_noise(plain, images):
    plain.measure_scale([images])
    z = plain.encode(images, torch.Generator().manual_seed(0))
    assert z.shape == (4, 4, 8, 8) and torch.equal(z, plain.encode(images))
    torch.testing.assert_close(z.mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(z.var((0, 2, 3), unbiased=False), torch.ones(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(plain.decode(z), plain.decode_unscaled(plain.latents(images)))


FIRST_STAGES = {
    "plain": lambda: PlainAutoencoder(PLAIN),
    "vq": lambda: VQAutoencoder(VQ),
    "identity": lambda: IdentityFirstStage(),
}


@pytest.mark.parametrize("build", FIRST_STAGES.values(), ids=FIRST_STAGES)
def test_images_that_are_none_or_not_numbers_are_refused_in_one_sentence(build, images):
    stage = build()
    with pytest.raises(ValueError, match=r"images is an empty batch, \(0, 3, 16, 16\)"):
        stage.encode(images[:0])
    for bad in (float("nan"), float("inf")):
        images[2, 1, 3, 3] = bad
        with pytest.raises(ValueError, match="images hold NaN or infinite values at index 2; leave them out"):
            stage.encode(images)
