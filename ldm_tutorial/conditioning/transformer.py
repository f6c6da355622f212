"""The transformer encoder that reads a caption: pre-norm blocks with self-attention over the real tokens."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RelativeBias(nn.Module):
    """What a head adds to the attention from word i to word j, by j - i alone: (heads, M, M) for M tokens.

    Learned (T5, Raffel et al. 2020) from a start that falls with the distance, by another slope in each head
    (ALiBi, Press et al. 2022). So a word looks at its neighbours first, wherever in the caption it stands:
    that is where a colour finds what it colours.
    """

    def __init__(self, heads: int, length: int):
        super().__init__()
        slopes = 2.0 ** -torch.arange(heads)
        offsets = torch.arange(1 - length, length)
        self.bias = nn.Parameter(-slopes[:, None] * offsets.abs())  # (heads, 2 length - 1)
        self.length = length

    def forward(self, tokens: int) -> Tensor:
        places = torch.arange(tokens, device=self.bias.device)
        return self.bias[:, places - places[:, None] + self.length - 1]


class EncoderBlock(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)) (Vaswani et al. 2017, with the norm first).

    x: (B, M, d), M at most `length`; mask: (B, M) bool, True where the token is real. Padded tokens are
    never attended to, so they cannot change what the real ones become.
    """

    def __init__(self, dim: int, heads: int, length: int):
        super().__init__()
        self.heads = heads
        self.bias = RelativeBias(heads, length)
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (
            self.qkv(self.norm1(x)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )  # (B, heads, M, .)
        bias = self.bias(x.shape[1]).masked_fill(~mask[:, None, None, :], -torch.inf)  # (B, heads, M, M)
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        x = x + self.out(attended.transpose(1, 2).flatten(2))  # (B, M, d)
        return x + self.mlp(self.norm2(x))
