import pytest
import torch

from ldm_tutorial.nn import Attention, ImageSelfAttention


def reference(q, k, v):
    """softmax(q k^T / sqrt(d)) v, written out."""
    return torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, dim=-1) @ v


def test_cross_attention_is_the_formula_head_by_head():
    attention = Attention(12, heads=3, context_dim=5)
    x, context = torch.randn(2, 7, 12), torch.randn(2, 4, 5)
    q, kv = attention.to_q(x), attention.to_kv(context)
    k, v = kv[..., :12], kv[..., 12:]
    heads = [reference(q[..., s], k[..., s], v[..., s]) for s in (slice(0, 4), slice(4, 8), slice(8, 12))]
    expected = attention.to_out(torch.cat(heads, dim=-1))
    torch.testing.assert_close(attention(x, context), expected, atol=1e-6, rtol=1e-5)


def test_self_attention_agrees_with_torch():
    ours = Attention(16, heads=4, bias=True)
    theirs = torch.nn.MultiheadAttention(16, 4, batch_first=True)
    theirs.load_state_dict(
        {
            "in_proj_weight": ours.to_qkv.weight,
            "in_proj_bias": ours.to_qkv.bias,
            "out_proj.weight": ours.to_out.weight,
            "out_proj.bias": ours.to_out.bias,
        }
    )
    x = torch.randn(2, 9, 16)
    torch.testing.assert_close(ours(x), theirs(x, x, x)[0], atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_masked_tokens_change_nothing():
    attention = Attention(8, heads=2, context_dim=6)
    x, context = torch.randn(2, 5, 8), torch.randn(2, 4, 6)
    padded = torch.cat([context, 100 * torch.randn(2, 3, 6)], dim=1)
    mask = (torch.arange(7) < 4).expand(2, 7)
    error = (attention(x, padded, mask) - attention(x, context)).abs().max()
    assert error < 1e-6, "tokens whose mask is False should have no influence"


def test_masked_tokens_get_no_gradient():
    attention = Attention(8, heads=2, context_dim=6)
    context = torch.randn(1, 4, 6, requires_grad=True)
    attention(torch.randn(1, 5, 8), context, torch.tensor([[True, True, False, False]])).sum().backward()
    assert context.grad[0, :2].abs().min() > 0
    assert context.grad[0, 2:].abs().max() == 0


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@torch.no_grad()
def test_image_attention_is_permutation_equivariant(layout):
    block = ImageSelfAttention(8, heads=2)
    torch.nn.init.normal_(block.attention.to_out.weight)
    x = torch.randn(2, 8, 3, 5).to(memory_format=layout)
    order = torch.randperm(15)
    shuffled = x.flatten(2)[..., order].view(2, 8, 3, 5).to(memory_format=layout)
    expected = block(x).flatten(2)[..., order].view(2, 8, 3, 5)
    torch.testing.assert_close(block(shuffled), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_layout_survives_without_copies():
    block = ImageSelfAttention(8)
    x = torch.randn(2, 8, 4, 4).to(memory_format=torch.channels_last)
    assert block(x).is_contiguous(memory_format=torch.channels_last)


def test_image_attention_starts_as_the_identity():
    x = torch.randn(2, 8, 4, 4)
    assert torch.equal(ImageSelfAttention(8)(x), x)
