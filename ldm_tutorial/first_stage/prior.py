"""VQ-GAN's second stage: images as sentences of codes, written one code after the other.

Esser et al. 2021, section 3.2. The codes of an image are read row by row; a transformer learns how probable
each is given those before it, and draws new images from these probabilities.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ldm_tutorial.diffusion import seeded_generators
from ldm_tutorial.first_stage.causal import CausalTransformer
from ldm_tutorial.first_stage.vq import VQAutoencoder, VQConfig


@dataclass(frozen=True)
class PriorConfig:
    """The shape of a prior over the codes of `first_stage`, for square images of `image_size` pixels."""

    first_stage: VQConfig
    image_size: int = 64
    dim: int = 192
    depth: int = 4
    heads: int = 6


class CodePrior(nn.Module):
    """The VQ autoencoder, and a transformer over its codes `(B, h, w)`."""

    def __init__(self, config: PriorConfig):
        super().__init__()
        self.config = config
        self.first_stage = VQAutoencoder(config.first_stage)
        f = self.first_stage.downsampling
        if config.image_size % f:
            raise ValueError(f"image_size is {config.image_size}; the first stage needs a multiple of {f}")
        self.side = config.image_size // f
        self.transformer = CausalTransformer(
            config.first_stage.codes, self.side**2, config.dim, config.depth, config.heads
        )

    def forward(self, codes: Tensor) -> Tensor:
        """Logits `(B, h w, K)` of int64 codes `(B, h, w)`: each given the codes before it."""
        if codes.ndim != 3 or tuple(codes.shape[1:]) != (self.side, self.side):
            raise ValueError(f"codes must have shape (B, {self.side}, {self.side}), got {tuple(codes.shape)}")
        return self.transformer(rearrange(codes, "b h w -> b (h w)"))

    def loss(self, codes: Tensor) -> Tensor:
        """-log p(code | codes before it) of images' codes `(B, h, w)`, averaged over places: nats, `(B,)`."""
        logits = rearrange(self(codes), "b n k -> b k n").float()
        return F.cross_entropy(logits, rearrange(codes, "b h w -> b (h w)"), reduction="none").mean(1)

    @torch.no_grad()
    def sample_codes(
        self,
        n: int,
        seed: int = 0,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> Tensor:
        """Codes of n new images, int64 `(n, h, w)`; image i depends on seed + i alone.

        `temperature`, `top_k`, `top_p`: see `draw`.
        """
        length = self.side**2
        uniform = torch.stack([torch.rand(length, generator=g) for g in seeded_generators(n, seed)])
        uniform = uniform.to(self.transformer.positions.device)
        caches = self.transformer.empty_caches(n)
        code = torch.full((n,), self.transformer.start, device=uniform.device)
        codes = []
        for position in range(length):
            logits = self.transformer.step(code, position, caches)
            code = draw(logits, uniform[:, position], temperature, top_k, top_p)
            codes.append(code)
        return rearrange(torch.stack(codes, 1), "n (h w) -> n h w", h=self.side)

    @torch.no_grad()
    def sample(self, n: int = 1, seed: int = 0, batch_size: int = 64, **options) -> Tensor:
        """New images `(n, 3, H, W)` in [-1, 1], `batch_size` at a time; options as for `sample_codes`."""
        parts = []
        for first in range(0, n, batch_size):
            codes = self.sample_codes(min(batch_size, n - first), seed + first, **options)
            parts.append(self.first_stage.decode_codes(codes).clamp(-1, 1))
        return torch.cat(parts)


def draw(
    logits: Tensor,
    uniform: Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Tensor:
    """One code for each row of logits `(B, K)`: int64 `(B,)`, where `uniform` `(B,)` in [0, 1) falls.

    `temperature` divides the logits: below 1 likely codes become likelier. `top_k` keeps the k likeliest
    codes; `top_p` the fewest that together have this probability (Holtzman et al. 2020); of both, k first.
    ValueError where one is out of range.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature}; it must be above 0")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k is {top_k}; it must be at least 1")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p is {top_p}; it must lie in (0, 1]")
    p, codes = (logits.float() / temperature).softmax(1).sort(dim=1, descending=True, stable=True)
    if top_k is not None:
        p = p[:, :top_k] / p[:, :top_k].sum(1, keepdim=True)
    if top_p is not None:
        p = p * (p.cumsum(1) - p < top_p)  # without the code itself: the likeliest always stays
    reached = p.cumsum(1)
    place = torch.searchsorted(reached, uniform[:, None] * reached[:, -1:], right=True)
    place = torch.minimum(place, (p > 0).sum(1, keepdim=True) - 1)  # rounding must not lead beyond the last
    return codes.gather(1, place)[:, 0]
