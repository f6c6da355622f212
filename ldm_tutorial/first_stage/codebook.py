"""The codebook: every latent vector becomes the nearest of K learned ones (van den Oord et al. 2017)."""

from typing import NamedTuple

import torch
import torch.distributed as dist
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
    """codebook and commitment loss together (the latter alone where the codes are moving averages), averaged
    over all numbers; a float32 scalar"""


class Codebook(nn.Module):
    """K vectors of dimension d, and the six steps by which latents are exchanged for them.

    `loss` is |sg(z) - e|^2 + commitment |z - sg(e)|^2 (van den Oord et al. 2017, equation 3; sg stops the
    gradient): the first term moves the codes to the latents, the second, and it alone is weighted by
    `commitment`, the latents to their codes. Widely copied code has the weight on the first term.

    With `ema_decay` the first term is left out: `learn` makes every code the moving average of the latents
    that chose it (appendix A.1). With `restart` it also moves codes onto latents of the batch that are chosen
    less often than this share of the average code: one that nobody chooses would never learn.
    """

    def __init__(
        self,
        codes: int,
        dim: int,
        commitment: float = 0.25,
        ema_decay: float | None = None,
        restart: float = 0.0,
    ):
        super().__init__()
        if codes < 2:
            raise ValueError(f"codes is {codes}; a codebook needs at least 2, or every latent looks the same")
        if ema_decay is not None and not 0 <= ema_decay < 1:
            raise ValueError(f"ema_decay is {ema_decay}; it must lie in [0, 1), or be None for none")
        if not 0 <= restart < 1:
            raise ValueError(
                f"restart is {restart}; it is a share of the average count, in [0, 1), 0 for never"
            )
        self.commitment, self.ema_decay, self.restart = commitment, ema_decay, restart
        weight = torch.empty(codes, dim).uniform_(-1 / codes, 1 / codes)
        if ema_decay is None:
            self.weight = nn.Parameter(weight)
        else:
            self.register_buffer("weight", weight)
            self.register_buffer("sums", torch.zeros(codes, dim))
        if self.learns_from_counts:
            self.register_buffer("counts", torch.zeros(codes))
            self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @property
    def learns_from_counts(self) -> bool:
        """Whether `learn` has anything to do."""
        return self.ema_decay is not None or self.restart > 0

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
        loss = self.commitment * F.mse_loss(z.float(), e.detach().float())
        if self.ema_decay is None:
            loss = F.mse_loss(e.float(), z.detach().float()) + loss
        # 6. Forward this is e to the last bit; backward, argmin has no gradient, so z takes that of e.
        return Quantised(e.detach() + (z - z.detach()), codes, loss)

    def look_up(self, codes: Tensor) -> Tensor:
        """The vectors of code indices: int64 `(B, h, w)` -> `(B, d, h, w)`."""
        return rearrange(F.embedding(codes, self.weight), "b h w d -> b d h w")

    @torch.no_grad()
    def learn(self, z: Tensor, codes: Tensor) -> None:
        """What a codebook learns without gradients, from latents `(B, d, h, w)` and the codes they chose.

        A step apart from `forward`, so that looking never changes what is looked at. Several processes learn
        from all their latents together. Restarts depend on the number of calls alone, not on a global seed.
        """
        if not self.learns_from_counts:
            return
        vectors = rearrange(z.float(), "b d h w -> (b h w) d")
        counts = over_processes(code_counts(codes, len(self.weight)).float())
        decay = 0.99 if self.ema_decay is None else self.ema_decay
        self.counts.lerp_(counts, 1 - decay)  # N <- decay N + (1 - decay) n
        self.updates += 1
        if self.ema_decay is not None:
            sums = torch.zeros_like(self.sums).index_add_(0, codes.flatten(), vectors)
            self.sums.lerp_(
                over_processes(sums), 1 - decay
            )  # m <- decay m + (1 - decay) sum of the latents that chose it
            ever = self.counts[:, None] > 1e-6
            self.weight.copy_(
                torch.where(ever, self.sums / self.counts[:, None].clamp(min=1e-6), self.weight)
            )
        if self.restart:
            self.revive(vectors)

    def revive(self, vectors: Tensor) -> None:
        """Move the dead codes onto latents `(N, d)` drawn at random, each counted as an average code."""
        average = self.counts.mean()
        dead = torch.nonzero(self.counts < self.restart * average).flatten()
        generator = torch.Generator().manual_seed(int(self.updates))
        drawn = torch.randperm(len(vectors), generator=generator)[: len(dead)].to(vectors.device)
        dead, fresh = dead[: len(drawn)], from_first_process(vectors[drawn])
        self.weight[dead] = fresh.to(self.weight)
        self.counts[dead] = average
        if self.ema_decay is not None:
            self.sums[dead] = average * fresh


def over_processes(total: Tensor) -> Tensor:
    """The sum of every process's `total`."""
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(total)
    return total


def from_first_process(values: Tensor) -> Tensor:
    """The first process's `values`, for all of them."""
    if dist.is_available() and dist.is_initialized():
        dist.broadcast(values, 0)
    return values


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
