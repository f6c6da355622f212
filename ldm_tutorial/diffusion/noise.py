"""Gaussian noise that belongs to an image, not to a batch.

With one generator for the whole batch, image 3 changes when the batch grows. With one generator an image it
doesn't: image i of a call with seed s is image 0 of a call with seed s + i.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

# Keeps the starting noise apart from a generator that was seeded with the same number: without it, the noise
# of the first sampling step would be the starting noise again.
STARTING_NOISE = 0x9E3779B9


def seeded_generators(n: int, seed: int, device: torch.device | str = "cpu") -> list[torch.Generator]:
    """One generator for each of n images; the i-th depends on seed + i only."""
    return [torch.Generator(device).manual_seed(seed + i) for i in range(n)]


def seeded_noise(shape: Sequence[int], seed: int, device: torch.device | str = "cpu") -> Tensor:
    """Starting noise N(0, I), float32 (B, ...) of that shape; image i depends on seed + i only.

    Drawn on the CPU and then moved to `device`, so that a seed means the same picture everywhere.
    Independent of what `seeded_generators` of the same seed draw.
    """
    generators = [torch.Generator().manual_seed((seed + i) ^ STARTING_NOISE) for i in range(shape[0])]
    return noise_like(torch.empty(tuple(shape), device=device), generators)


def noise_like(z: Tensor, generator: torch.Generator | Sequence[torch.Generator] | None) -> Tensor:
    """N(0, I) with the shape, dtype and device of z (B, ...), from one generator or from one for each image.

    Drawn in float32 on the generator's device: a CPU generator gives the same noise wherever z lives.
    Raises ValueError if generator is None, or the number of generators isn't B.
    """
    if generator is None:
        raise ValueError(
            "generator is None, but noise is to be drawn; give a torch.Generator, or one for each image"
        )
    if isinstance(generator, torch.Generator):
        return torch.randn(z.shape, generator=generator, device=generator.device).to(z)
    if len(generator) != len(z):
        raise ValueError(
            f"generator is a list of {len(generator)} for a batch of {len(z)}; give one for each image"
        )
    draws = [torch.randn(z.shape[1:], generator=g, device=g.device) for g in generator]
    return torch.stack(draws).to(z)
