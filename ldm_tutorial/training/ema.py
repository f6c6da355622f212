"""The exponential moving average of the weights, which samples better than the weights themselves."""

from contextlib import contextmanager

import torch
from torch import nn


class EMA:
    """Average of the trained parameters of `module`.

    After update k (counted from 0) the decay is min(decay, (1 + k) / (10 + k)): a young average
    forgets its random start, which is why early averaged samples look no worse than the others.
    """

    def __init__(self, module: nn.Module, decay: float):
        self.decay, self.updates = decay, 0
        self.names = [name for name, p in module.named_parameters() if p.requires_grad]
        self.parameters = [p for p in module.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self.parameters]

    @torch.no_grad()
    def update(self):
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - decay)
        self.updates += 1

    @contextmanager
    def applied(self):
        """Inside, the module carries the averaged weights."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    @torch.no_grad()
    def swap(self):
        for parameter, average in zip(self.parameters, self.average, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(kept)
