"""A transformer in which every token sees itself and those before it, and a memory for sampling."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn


class Cache(NamedTuple):
    """Keys and values of the tokens so far, in one block; both `(B, heads, length, d)`, filled in order."""

    keys: Tensor
    values: Tensor


class CausalBlock(nn.Module):
    """Normalise, causal self-attention, normalise, two-layer perceptron. `(B, n, dim)` -> the same.

    Vaswani et al. 2017, with the normalisation in front as in GPT-2.
    """

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim)
        self.to_qkv = nn.Linear(dim, 3 * dim)
        self.to_out = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: Tensor, cache: Cache | None = None, position: int = 0) -> Tensor:
        """With a `cache`, x is the one token at `position`; those before it are remembered."""
        qkv = self.to_qkv(self.norm1(x))
        q, k, v = rearrange(qkv, "b n (three h d) -> three b h n d", three=3, h=self.heads)
        if cache is not None:
            cache.keys[:, :, position], cache.values[:, :, position] = k[:, :, 0], v[:, :, 0]
            k, v = cache.keys[:, :, : position + 1], cache.values[:, :, : position + 1]
        out = F.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
        x = x + self.to_out(rearrange(out, "b h n d -> b n (h d)"))
        return x + self.mlp(self.norm2(x))


class CausalTransformer(nn.Module):
    """Logits over `vocabulary` for each of `length` tokens, given those before it.

    Positions are learned. Before the first token stands a start token.
    """

    def __init__(self, vocabulary: int, length: int, dim: int, depth: int, heads: int):
        super().__init__()
        if dim % heads:
            raise ValueError(f"dim {dim} is not a multiple of heads {heads}")
        self.start = vocabulary  # one embedding more than there are tokens
        self.heads, self.length = heads, length
        self.tokens = nn.Embedding(vocabulary + 1, dim)
        self.positions = nn.Parameter(torch.empty(length, dim))
        self.blocks = nn.ModuleList(CausalBlock(dim, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(dim)
        self.to_logits = nn.Linear(dim, vocabulary, bias=False)
        for parameter in self.parameters():
            if parameter.ndim == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits `(B, n, vocabulary)` of int64 tokens `(B, n)`: those at i have seen tokens 0 to i - 1."""
        seen = F.pad(tokens[:, :-1], (1, 0), value=self.start)
        x = self.tokens(seen) + self.positions[: seen.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.to_logits(self.norm(x))

    def step(self, previous: Tensor, position: int, caches: list[Cache]) -> Tensor:
        """Logits `(B, vocabulary)` at `position`, whose token before it is `previous` int64 `(B,)`."""
        x = (self.tokens(previous) + self.positions[position])[:, None]
        for block, cache in zip(self.blocks, caches, strict=True):
            x = block(x, cache, position)
        return self.to_logits(self.norm(x[:, 0]))

    def empty_caches(self, batch: int) -> list[Cache]:
        """Room for the keys and values of every block."""
        shape = (batch, self.heads, self.length, self.positions.shape[1] // self.heads)
        return [Cache(self.positions.new_empty(shape), self.positions.new_empty(shape)) for _ in self.blocks]
