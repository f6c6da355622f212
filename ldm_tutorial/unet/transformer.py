"""Where the picture looks at itself and at the condition (Rombach et al. 2022, section 3.3, app. E.2.1)."""

import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ldm_tutorial.nn import Attention, group_norm, zeroed


class FeedForward(nn.Module):
    """(a * GELU(b)) W, with a and b two halves of one projection. `(B, N, dim)` -> the same.

    The gated feed-forward layer (GEGLU) of Shazeer 2020.
    """

    def __init__(self, dim: int, dropout: float = 0.0, expansion: int = 4):
        super().__init__()
        self.proj_in = nn.Linear(dim, 2 * expansion * dim)
        self.dropout = nn.Dropout(dropout)
        self.proj_out = nn.Linear(expansion * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        values, gates = self.proj_in(x).chunk(2, dim=-1)
        return self.proj_out(self.dropout(values * F.gelu(gates)))


class TransformerBlock(nn.Module):
    """Self-attention, cross-attention to the context, feed-forward; each adds to its normalised input.

    x `(B, N, dim)`, context `(B, M, context_dim)`, mask `(B, M)` -> `(B, N, dim)`.
    """

    def __init__(self, dim: int, heads: int, context_dim: int, dropout: float = 0.0):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.self_attention = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.cross_attention = Attention(dim, heads, context_dim)
        self.norm3 = nn.LayerNorm(dim)
        self.feed_forward = FeedForward(dim, dropout)

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        x = x + self.self_attention(self.norm1(x))
        x = x + self.cross_attention(self.norm2(x), context, mask)
        return x + self.feed_forward(self.norm3(x))


class SpatialTransformer(nn.Module):
    """x + transformer blocks over the places of a feature map. `(B, C, H, W)` -> the same.

    The projections are the 1x1 convolutions of Stable Diffusion 1.x and the linear layers of 2.x alike: on
    tokens they are the same thing. The last one starts at zero.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        context_dim: int,
        depth: int = 1,
        dropout: float = 0.0,
        groups: int | None = None,
    ):
        super().__init__()
        self.norm = group_norm(channels, 1e-6, groups)
        self.proj_in = nn.Linear(channels, channels)
        self.blocks = nn.ModuleList(
            TransformerBlock(channels, heads, context_dim, dropout) for _ in range(depth)
        )
        self.proj_out = zeroed(nn.Linear(channels, channels))

    def forward(self, x: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        tokens = rearrange(self.norm(x), "b c h w -> b (h w) c")  # a view where x is channels_last
        tokens = self.proj_in(tokens)
        for block in self.blocks:
            tokens = block(tokens, context, mask)
        return x + rearrange(self.proj_out(tokens), "b (h w) c -> b c h w", h=x.shape[2])
