"""The one slow step of a codebook, made fast: which code is nearest?"""

import torch
import torch.nn.functional as F
from torch import Tensor

BLOCK = 32  # codes whose smallest distance is found first: without its index, many are compared at a time


@torch.no_grad()
def nearest_code(z: Tensor, codebook: Tensor) -> Tensor:
    """Index of the code at the smallest Euclidean distance from each vector; the first of several.

    z `(N, d)`, codebook `(K, d)` -> int64 `(N,)`. Since |z - e|^2 / 2 = |z|^2 / 2 + (|e|^2 / 2 - z e) and
    |z|^2 is the same for all codes, one matrix product finds the smallest. It is made in tiles that stay in
    the processor's cache, so the table of N x K distances never exists. ValueError where d differs.
    """
    if z.ndim != 2 or codebook.ndim != 2 or z.shape[1] != codebook.shape[1] or not len(codebook):
        raise ValueError(
            f"z {tuple(z.shape)} and codebook {tuple(codebook.shape)} must be (N, d) and (K, d) "
            "with the same d and at least one code"
        )
    rows, columns = (1024, 512) if z.device.type == "cpu" else (65536, 512)
    # In half precision the distances to neighbouring codes would be ties, so autocast is off as well.
    dtype = torch.promote_types(z.dtype, torch.float32)
    z, codebook = z.to(dtype), codebook.to(dtype)
    with torch.autocast("cpu" if z.is_meta else z.device.type, enabled=False):
        half_norms = codebook.square().sum(1) / 2
        missing = -len(codebook) % BLOCK  # made up by codes that are infinitely far away
        half_norms = F.pad(half_norms, (0, missing), value=torch.inf)
        codebook = F.pad(codebook, (0, 0, 0, missing))
        nearest = [z.new_empty(0, dtype=torch.int64)]
        for part in z.split(rows):
            best, index = part.new_full((len(part),), torch.inf), part.new_zeros(len(part), dtype=torch.int64)
            each = torch.arange(len(part), device=part.device)
            for first in range(0, len(codebook), columns):
                chunk = slice(first, first + columns)
                distances = torch.addmm(half_norms[chunk], part, codebook[chunk].T, alpha=-1)
                blocks = distances.unflatten(1, (-1, BLOCK))
                block = blocks.amin(2).argmin(1)
                distance, code = blocks[each, block].min(1)
                index = torch.where(distance < best, first + block * BLOCK + code, index)
                best = torch.minimum(best, distance)
            nearest.append(index)
        return torch.cat(nearest)
