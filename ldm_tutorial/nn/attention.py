"""Attention: between the places of a picture, and from them to the tokens of a condition."""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ldm_tutorial.nn.normalization import group_norm, zeroed


class Attention(nn.Module):
    """Multi-head attention softmax(q k^T / sqrt(d)) v: of tokens to themselves, or to a context.

    x `(B, N, dim)`, context `(B, M, context_dim)`, mask `(B, M)` True where a token is real -> `(B, N, dim)`.
    With `context_dim=None` it is self-attention. Vaswani et al. 2017, section 3.2.
    """

    def __init__(self, dim: int, heads: int, context_dim: int | None = None, bias: bool = False):
        super().__init__()
        self.heads = heads
        self.is_cross = context_dim is not None
        if self.is_cross:
            self.to_q = nn.Linear(dim, dim, bias=bias)
            self.to_kv = nn.Linear(context_dim, 2 * dim, bias=bias)
        else:
            self.to_qkv = nn.Linear(dim, 3 * dim, bias=bias)
        self.to_out = nn.Linear(dim, dim)

    def forward(self, x: Tensor, context: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        if self.is_cross:
            q = rearrange(self.to_q(x), "b n (h d) -> b n h d", h=self.heads)
            k, v = rearrange(self.to_kv(context), "b m (two h d) -> b m two h d", two=2, h=self.heads).unbind(
                2
            )
        else:
            qkv = rearrange(self.to_qkv(x), "b n (three h d) -> b n three h d", three=3, h=self.heads)
            q, k, v = qkv.unbind(2)  # before the heads move, or the backward pass would copy them twice
        if mask is not None:
            mask = rearrange(mask, "b m -> b 1 1 m")  # the same for every head and every query
        q, k, v = (rearrange(each, "b n h d -> b h n d") for each in (q, k, v))
        out = self.attend(q, k, v, mask)
        return self.to_out(rearrange(out, "b h n d -> b n (h d)"))

    def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        """q `(B, heads, N, d)`, k and v `(B, heads, M, d)` -> `(B, heads, N, d)`, in one fused kernel.

        The weights never exist in memory; `unet.attention_maps` puts a slower way in this one's place.
        """
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


class ImageSelfAttention(nn.Module):
    """x + self-attention between all places of a normalised feature map. `(B, C, H, W)` -> the same.

    The last layer starts at zero. Ho et al. 2020, appendix B.
    """

    def __init__(self, channels: int, heads: int = 1, eps: float = 1e-6, groups: int | None = None):
        super().__init__()
        self.norm = group_norm(channels, eps, groups)
        self.attention = Attention(channels, heads, bias=True)
        zeroed(self.attention.to_out)

    def forward(self, x: Tensor) -> Tensor:
        tokens = rearrange(self.norm(x), "b c h w -> b (h w) c")  # a view where x is channels_last
        out = self.attention(tokens)
        return x + rearrange(out, "b (h w) c -> b c h w", h=x.shape[2])
