"""What both stages have in common when they train."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrainingConfig:
    """How long, how fast and how carefully to train. One absolute learning rate: nothing rescales it."""

    steps: int = 10_000
    """optimizer steps"""
    batch_size: int = 32
    """images per optimizer step, over all processes and accumulation steps together"""
    accumulation: int = 1
    """parts into which the batch is cut to save memory; the gradient stays the same"""
    learning_rate: float = 1e-4
    warmup: int = 500
    """steps over which the learning rate rises linearly from 0"""
    decay: Literal["constant", "cosine"] = "constant"
    """what the learning rate does after the warm-up: stay, or fall to 0 along a cosine"""
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    gradient_clip: float = 1.0
    """largest norm of the whole gradient"""
    ema_decay: float = 0.999
    """decay of the moving average of the weights, which is what gets saved as the model"""
    mixed_precision: Literal["no", "bf16", "fp16"] = "no"
    channels_last: bool = True
    """memory layout of the convolutions: 1.0x to 1.25x faster on CPUs and GPUs alike"""
    device: Literal["auto", "cpu"] = "auto"
    seed: int = 0
    workers: int = 0
    """processes that decode images; 0 where the data fits in memory"""
    log_every: int = 50
    strip_every: int = 1000
    """steps between pictures drawn from the same seeds"""
    checkpoint_every: int = 1000
    tensorboard: bool = False

    def __post_init__(self):
        for name in ("steps", "batch_size", "accumulation", "log_every", "strip_every", "checkpoint_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.batch_size % self.accumulation:
            raise ValueError(
                f"batch_size {self.batch_size} is not a multiple of accumulation {self.accumulation}"
            )
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be above 0")
        if not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay is {self.ema_decay}; it must lie in [0, 1), 0 meaning no average")
