"""Which of K codes is nearest to each of 2048 vectors: ours, the usual |z|² + |e|² - 2ze, and `torch.cdist`.

Ours compares tile by tile and never holds the table of distances that the others fill, 128 MiB at K = 16384.
All three find the same codes, but for pairs that are equally near to within float32.
"""

import torch
from torch import Tensor

from benchmarks.timing import ratio, take_turns
from ldm_tutorial.first_stage import nearest_code

THREADED = True
HEADER = ["d", "K", "ours, ms", "usual / ours", "cdist / ours"]
VECTORS = 2048
DIMENSIONS = (4, 64, 256)
CODES = (256, 512, 1024, 2048, 4096, 8192, 16384)


def usual(z: Tensor, codebook: Tensor) -> Tensor:
    """As in the original release: all distances at once, by |z|² + |e|² - 2ze."""
    distances = (
        z.square().sum(1, keepdim=True)
        + codebook.square().sum(1)
        - 2 * torch.einsum("nd,kd->nk", z, codebook)
    )
    return distances.argmin(1)


def cdist(z: Tensor, codebook: Tensor) -> Tensor:
    return torch.cdist(z, codebook).argmin(1)


def table(rounds: int) -> list[list[str]]:
    return [row(d, codes, rounds) for d in DIMENSIONS for codes in CODES]


@torch.no_grad()
def row(d: int, codes: int, rounds: int) -> list[str]:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(VECTORS, d, generator=generator)
    codebook = torch.randn(codes, d, generator=generator)
    contestants = {"ours": nearest_code, "usual": usual, "cdist": cdist}
    found = {name: function(z, codebook) for name, function in contestants.items()}
    for name, index in found.items():  # or it would be no comparison
        assert (index == found["ours"]).float().mean() > 0.999, name
    seconds = take_turns({name: lambda f=f: f(z, codebook) for name, f in contestants.items()}, rounds)
    middle = sorted(seconds["ours"])[rounds // 2] * 1e3
    ratios = [ratio(seconds[name], seconds["ours"]) for name in ("usual", "cdist")]
    return [str(d), str(codes), f"{middle:.2f}", *ratios]
