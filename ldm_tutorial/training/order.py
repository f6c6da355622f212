"""Which images go into which step, and what is random about it: pure functions of (seed, step).

Because nothing here has a state, a resumed run sees exactly what an uninterrupted one sees,
and two processes agree without talking.
"""

import torch
from torch import Tensor


class DataOrder:
    """The indices of step k: an endless sequence of shuffled epochs, cut into batches.

    ``order(step) -> (batch_size,) int64``. A batch may straddle two epochs, so that every image
    is seen equally often whatever the batch size.
    """

    def __init__(self, n: int, batch_size: int, seed: int):
        if n < 1:
            raise ValueError("there is no image to train on")
        self.n, self.batch_size, self.seed = n, batch_size, seed
        self._epoch, self._permutation = -1, None

    def permutation(self, epoch: int) -> Tensor:
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(mix(self.seed, epoch))
            self._epoch, self._permutation = epoch, torch.randperm(self.n, generator=generator)
        return self._permutation

    def __call__(self, step: int) -> Tensor:
        first = step * self.batch_size
        positions = torch.arange(first, first + self.batch_size)
        epochs = positions // self.n
        return torch.cat(
            [self.permutation(e)[positions[epochs == e] % self.n] for e in epochs.unique().tolist()]
        )


def step_generator(seed: int, step: int) -> torch.Generator:
    """The CPU generator of everything random in one training step."""
    return torch.Generator().manual_seed(mix(seed + 1, step))


def mix(seed: int, counter: int) -> int:
    """Two integers to one 63-bit seed; neighbours land far apart (the finalizer of SplitMix64)."""
    x = (seed * 0x9E3779B97F4A7C15 + counter + 1) & 0xFFFFFFFFFFFFFFFF
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return (x ^ (x >> 31)) >> 1
