"""How much memory training a U-Net takes: known before the first step."""

import sys
from dataclasses import dataclass
from pathlib import Path

from ldm_tutorial.unet.config import UNetConfig
from ldm_tutorial.unet.counts import BlockCount, count_blocks


@dataclass(frozen=True)
class TrainingMemory:
    """The parts of what training takes, in bytes.

    `weights`: of all networks, `gradients`, `optimizer` (both moments of AdamW) and `average` (EMA) of those
    that are trained; `activations`: what the forward pass keeps for the backward pass; `process`: Python,
    PyTorch and its kernels.
    """

    weights: int
    gradients: int
    optimizer: int
    average: int
    activations: int
    process: int = 0

    @property
    def total(self) -> int:
        """All of it together."""
        return sum(vars(self).values())


def training_memory(
    config: UNetConfig,
    height: int,
    width: int,
    batch_size: int,
    tokens: int = 0,
    accumulation: int = 1,
    process: int = 0,
    others: int = 0,
    frozen: int = 0,
) -> TrainingMemory:
    """What training in float32 takes on latents of this size with so many context tokens.

    `accumulation`: the parts into which a batch is cut; `others` and `frozen`: how many parameters of other
    networks are trained along and are only used. ValueError where a batch can't be cut so.
    """
    for name, value in (("batch_size", batch_size), ("accumulation", accumulation)):
        if value < 1:
            raise ValueError(f"{name} is {value}; it must be at least 1")
    if batch_size % accumulation:
        raise ValueError(f"batch_size {batch_size} is not a multiple of accumulation {accumulation}")
    blocks = count_blocks(config, height, width, tokens)
    return from_blocks(blocks, batch_size // accumulation, process, others, frozen)


def from_blocks(
    blocks: list[BlockCount], images: int, process: int = 0, others: int = 0, frozen: int = 0
) -> TrainingMemory:
    """The same from counted blocks, with so many images in one forward and backward pass."""
    trained = 4 * (sum(block.parameters for block in blocks) + others)
    kept = sum(images * block.kept + block.kept_once for block in blocks)
    return TrainingMemory(trained + 4 * frozen, trained, 2 * trained, trained, kept, process)


def peak_memory() -> int:
    """The most memory that this process has held so far, in bytes; 0 where the system does not tell.

    On Linux it is not what `getrusage` says: that begins with the size of the process that started this one.
    """
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return 1024 * int(peak.split()[1])
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 0
