import math

import pytest
import torch

from ldm_tutorial.nn import TimestepMLP, timestep_embedding


def test_embedding_is_cosines_then_sines_of_geometric_frequencies():
    t, dim = torch.tensor([0, 1, 500, 999]), 8
    expected = torch.tensor(
        [
            [f(step / 10_000 ** (i / 4)) for f in (math.cos, math.sin) for i in range(4)]
            for step in (0, 1, 500, 999)
        ]
    )
    torch.testing.assert_close(timestep_embedding(t, dim), expected, atol=1e-4, rtol=0)


def test_embedding_is_that_of_stable_diffusion():
    embeddings = pytest.importorskip("diffusers.models.embeddings")
    t = torch.arange(0, 1000, 37)
    theirs = embeddings.get_timestep_embedding(t, 320, flip_sin_to_cos=True, downscale_freq_shift=0)
    torch.testing.assert_close(timestep_embedding(t, 320), theirs, atol=1e-6, rtol=0)


def test_every_timestep_has_its_own_embedding():
    e = timestep_embedding(torch.arange(1000), 32)
    distances = torch.cdist(e, e) + 10 * torch.eye(1000)
    assert distances.min() > 1e-3, "no two of 1000 timesteps should look alike"


def test_mlp_follows_its_weights_dtype():
    mlp = TimestepMLP(8, 16).to(torch.bfloat16)
    assert mlp(torch.tensor([3])).dtype == torch.bfloat16
