"""A stream of vectors for the moving averages of lesson 02, and what they must come to."""

import torch
from torch import Tensor

from ldm_tutorial.first_stage import Codebook

BEFORE, AFTER = (-1.0, 0.5), (1.2, -0.4)  # the middle of the vectors in the first half of the stream and then


def stream(batches: int, size: int = 32, seed: int = 0) -> Tensor:
    """Batches of vectors around one place, and from the middle of the stream on around another.

    (batches, size, 2); the number of vectors is the same in each, their standard deviation 0.5.
    """
    middle = torch.tensor([BEFORE] * (batches // 2) + [AFTER] * (batches - batches // 2))
    noise = torch.randn(batches, size, 2, generator=torch.Generator().manual_seed(seed))
    return middle[:, None] + 0.5 * noise


def learned(batches: Tensor, decay: float) -> Tensor:
    """Where the package's codebook has a code after each batch (T, N, 2), if all choose it: (T, 2)."""
    codebook, places = Codebook(2, 2, ema_decay=decay), []
    for z in batches:
        image = z.T.reshape(1, 2, 1, -1)
        codebook.learn(image, torch.zeros(1, 1, len(z), dtype=torch.int64))
        places.append(codebook.weight[0].clone())
    return torch.stack(places)


def remembered(batches: Tensor, decay: float) -> Tensor:
    """The closed form of the same: after each batch the mean of all vectors so far, weighted by decay^age.

    (T, N, 2) -> (T, 2). The last batch has age 0.
    """
    means, T = batches.double().mean(1), len(batches)
    age = torch.arange(T)[:, None] - torch.arange(T)
    weight = torch.where(age >= 0, float(decay) ** age.clamp(min=0), 0.0).double()
    return (weight @ means / weight.sum(1, keepdim=True)).float()


def halfway(batches: Tensor, decay: float) -> int:
    """With which batch after the jump a code has gone half of the way between both means; 1 is the first."""
    half = len(batches) // 2
    before, after = batches[:half].mean((0, 1)), batches[half:].mean((0, 1))
    way = after - before
    share = (learned(batches, decay)[half:] - before) @ way / way.square().sum()
    return int((share < 0.5).sum()) + 1
