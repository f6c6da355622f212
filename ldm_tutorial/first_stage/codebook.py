"""The codebook: every latent vector is replaced by the nearest of K learned ones (van den Oord et al. 2017)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

# Rows and columns of the distance table that are computed at a time: a tile fits in a core's cache.
ROWS, COLUMNS = 512, 512


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
        loss = F.mse_loss(e.float(), z.detach().float()) + self.commitment * F.mse_loss(
            z.float(), e.detach().float()
        )
        # 6. Forward this is e to the last bit; backward, argmin has no gradient, so z takes that of e.
        return Quantised(e.detach() + (z - z.detach()), codes, loss)

    def look_up(self, codes: Tensor) -> Tensor:
        """The vectors of code indices: int64 `(B, h, w)` -> `(B, d, h, w)`."""
        return rearrange(F.embedding(codes, self.weight), "b h w d -> b d h w")


@torch.no_grad()
def nearest_code(z: Tensor, codebook: Tensor) -> Tensor:
    """Index of the code at the smallest Euclidean distance to each vector; the first of several.

    z `(N, d)`, codebook `(K, d)` -> int64 `(N,)`. |z - e|^2 = |z|^2 + 2 (|e|^2 / 2 - z e), so the smallest
    |e|^2 / 2 - z e is the nearest: one matrix product, done in tiles that stay in the cache, so that the
    extra memory doesn't grow with K. Raises ValueError where the dimensions differ.
    """
    if z.ndim != 2 or codebook.ndim != 2 or z.shape[1] != codebook.shape[1] or not len(codebook):
        raise ValueError(
            f"z {tuple(z.shape)} and codebook {tuple(codebook.shape)} must be (N, d) and (K, d) "
            "with the same d and at least one code"
        )
    dtype = torch.promote_types(z.dtype, torch.float32)
    z, codebook = z.to(dtype), codebook.to(dtype)
    # Rounded to half precision, distances between neighbouring codes would be ties.
    with torch.autocast(z.device.type, enabled=False):
        tiles = [
            (k, e, e.square().sum(1) / 2)
            for k, e in zip(range(0, len(codebook), COLUMNS), codebook.split(COLUMNS), strict=True)
        ]
        return torch.cat([nearest_in_tiles(rows, tiles) for rows in z.split(ROWS)])
