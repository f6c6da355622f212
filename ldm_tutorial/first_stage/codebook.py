"""The codebook: every latent vector becomes the nearest of K learned ones (van den Oord et al. 2017)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ldm_tutorial.first_stage.nearest import nearest_code


class Quantised(NamedTuple):
    """What the codebook makes of latents `(B, d, h, w)`."""

    z: Tensor
    """the nearest codes, `(B, d, h, w)`; their gradient goes to the latents unchanged"""
    codes: Tensor
    """their indices, int64 `(B, h, w)`"""
    loss: Tensor
    """codebook and commitment loss together, averaged over all numbers; a float32 scalar"""


class Codebook(nn.Module):
    """K vectors of dimension d, and the six steps by which latents are exchanged for them.

    `loss` is |sg(z) - e|^2 + commitment |z - sg(e)|^2 (van den Oord et al. 2017, equation 3; sg stops the
    gradient): the first term moves the codes to the latents, the second, and it alone is weighted by
    `commitment`, the latents to their codes. Widely copied code has the weight on the first term.
    """

    def __init__(self, codes: int, dim: int, commitment: float = 0.25):
        super().__init__()
        if codes < 2:
            raise ValueError(f"codes is {codes}; a codebook needs at least 2, or every latent looks the same")
        self.commitment = commitment
        self.weight = nn.Parameter(torch.empty(codes, dim).uniform_(-1 / codes, 1 / codes))

    def forward(self, z: Tensor) -> Quantised:
        """Quantise latents `(B, d, h, w)`; ValueError where d is not the codebook's."""
        if z.ndim != 4 or z.shape[1] != self.weight.shape[1]:
            raise ValueError(
                f"latents must have shape (B, {self.weight.shape[1]}, h, w) to match the codebook's "
                f"dimension, got {tuple(z.shape)}"
            )
        vectors = rearrange(z, "b d h w -> (b h w) d")  # 1. one row a position
        index = nearest_code(vectors.detach(), self.weight.detach())  # 2. distances, 3. argmin
        codes = rearrange(index, "(b h w) -> b h w", h=z.shape[2], w=z.shape[3])
        e = self.look_up(codes)  # 4. look-up, 5. back to an image of vectors
        codebook_loss = F.mse_loss(e.float(), z.detach().float())
        commitment_loss = F.mse_loss(z.float(), e.detach().float())
        # 6. Forward this is e to the last bit; backward, argmin has no gradient, so z takes that of e.
        return Quantised(
            e.detach() + (z - z.detach()), codes, codebook_loss + self.commitment * commitment_loss
        )

    def look_up(self, codes: Tensor) -> Tensor:
        """The vectors of code indices: int64 `(B, h, w)` -> `(B, d, h, w)`."""
        return rearrange(F.embedding(codes, self.weight), "b h w d -> b d h w")


def code_counts(codes: Tensor, size: int) -> Tensor:
    """How often each of `size` codes occurs in int64 codes of any shape: int64 `(size,)`. Counts add up."""
    return torch.bincount(codes.flatten(), minlength=size)


def usage(counts: Tensor) -> float:
    """The share of codes that occur at all, in [0, 1]."""
    return (counts > 0).float().mean().item()


def perplexity(counts: Tensor) -> float:
    """exp(entropy) of how often the codes occur: how many equally frequent codes would say as much.

    From 1 (collapsed on one code) to K (all used alike). ValueError where nothing has been counted.
    """
    if not counts.sum():
        raise ValueError("counts are all zero; count the codes of at least one image first")
    shares = counts.cpu().double() / counts.sum().cpu()
    return torch.special.entr(shares).sum().exp().item()
