"""The block in which the picture looks at the caption, alone, against diffusers' with the same weights."""

import pytest
import torch

from ldm_tutorial.interop.unet import copy_transformer
from ldm_tutorial.unet import SpatialTransformer

transformer_2d = pytest.importorskip("diffusers.models.transformers.transformer_2d")


@pytest.mark.parametrize("linear", [False, True], ids=["sd1", "sd2"])
@torch.no_grad()
def test_it_computes_what_diffusers_computes(linear):
    torch.manual_seed(0)
    theirs = transformer_2d.Transformer2DModel(
        num_attention_heads=4,
        attention_head_dim=8,
        in_channels=32,
        num_layers=2,
        cross_attention_dim=12,
        norm_num_groups=8,
        use_linear_projection=linear,
    ).eval()
    for parameter in theirs.parameters():
        parameter += 0.05 * torch.randn_like(parameter)
    ours = SpatialTransformer(32, heads=4, context_dim=12, depth=2, groups=8)
    copy_transformer(ours, theirs)
    x, context = torch.randn(2, 32, 6, 4), torch.randn(2, 7, 12)
    mask = torch.arange(7) < torch.tensor([[7], [3]])
    for real in (None, mask):
        bias = None if real is None else (1 - real.float()[:, None]) * -10_000.0
        expected = theirs(x, encoder_hidden_states=context, encoder_attention_mask=bias).sample
        error = (ours(x, context, real) - expected).abs().max() / expected.abs().max()
        assert error < 1e-5, f"outputs should agree to float32 rounding, differ by {error:.1e} relative"
