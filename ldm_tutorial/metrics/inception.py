"""InceptionV3 as the Frechet Inception distance has it: the TensorFlow graph of 2015-12-05.

torchvision's (Szegedy et al. 2016) differs from it in three places: averages at the edge count the padding,
the last block pools by the mean, and there are 1000 classes. Here batch norms are folded into convolutions.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ldm_tutorial.metrics.network import Features

SIZE = 299
SPATIAL_CHANNELS = 7  # of the 17x17 map: 2023 numbers, about as many as are pooled (Nash et al. 2021)


class Step(NamedTuple):
    """A convolution with ReLU in a branch."""

    name: str
    width: int
    kernel: int | tuple[int, int]
    stride: int = 1


Branches = list[list[Step | list[Step]]]  # a list within a branch: both from the same input, side by side


class Convolution(nn.Conv2d):
    """Convolution and ReLU. Strided ones have no padding, others keep the size."""

    def __init__(self, inputs: int, step: Step, padding: bool = True):
        kernel = (step.kernel, step.kernel) if isinstance(step.kernel, int) else step.kernel
        sides = tuple(k // 2 for k in kernel) if step.stride == 1 and padding else 0
        super().__init__(inputs, step.width, kernel, step.stride, sides)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(super().forward(x))


class Mixed(nn.Module):
    """Branches beside each other, the last one a pooling, their channels one after the other."""

    def __init__(self, inputs: int, branches: Branches, pool: str, pooled: int | None = None):
        super().__init__()
        self.paths, self.pool, self.width = [], pool, 0
        for branch in branches:
            width, path = inputs, []
            for step in branch:
                fork = step if isinstance(step, list) else [step]
                for each in fork:
                    self.add_module(each.name, Convolution(width, each))
                width = sum(each.width for each in fork)
                path.append([each.name for each in fork])
            self.paths.append(path)
            self.width += width
        self.branch_pool = None if pooled is None else Convolution(inputs, Step("branch_pool", pooled, 1))
        self.width += pooled or inputs

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for path in self.paths:
            h = x
            for names in path:
                parts = [getattr(self, name)(h) for name in names]
                h = parts[0] if len(parts) == 1 else torch.cat(parts, 1)
            outputs.append(h)
        return torch.cat([*outputs, self.pooled(x)], 1)

    def pooled(self, x: Tensor) -> Tensor:
        if self.branch_pool is None:
            return F.max_pool2d(x, 3, stride=2)
        if self.pool == "max":
            return self.branch_pool(F.max_pool2d(x, 3, stride=1, padding=1))
        return self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False))


def at_35(inputs: int, pooled: int) -> Mixed:
    five = [Step("branch5x5_1", 48, 1), Step("branch5x5_2", 64, 5)]
    three = [Step("branch3x3dbl_1", 64, 1), Step("branch3x3dbl_2", 96, 3), Step("branch3x3dbl_3", 96, 3)]
    return Mixed(inputs, [[Step("branch1x1", 64, 1)], five, three], "mean", pooled)


def to_17(inputs: int) -> Mixed:
    three = [Step("branch3x3dbl_1", 64, 1), Step("branch3x3dbl_2", 96, 3), Step("branch3x3dbl_3", 96, 3, 2)]
    return Mixed(inputs, [[Step("branch3x3", 384, 3, 2)], three], "max")


def at_17(inputs: int, width: int) -> Mixed:
    once = [("branch7x7_1", width, 1), ("branch7x7_2", width, (1, 7)), ("branch7x7_3", 192, (7, 1))]
    widths, kernels = (width, width, width, width, 192), (1, (7, 1), (1, 7), (7, 1), (1, 7))
    twice = [Step(f"branch7x7dbl_{i + 1}", widths[i], kernels[i]) for i in range(5)]
    return Mixed(inputs, [[Step("branch1x1", 192, 1)], [Step(*s) for s in once], twice], "mean", 192)


def to_8(inputs: int) -> Mixed:
    kernels = (1, (1, 7), (7, 1), 3)
    seven = [Step(f"branch7x7x3_{i + 1}", 192, kernels[i], 2 if i == 3 else 1) for i in range(4)]
    return Mixed(inputs, [[Step("branch3x3_1", 192, 1), Step("branch3x3_2", 320, 3, 2)], seven], "max")


def at_8(inputs: int, pool: str) -> Mixed:
    def fork(name: str) -> list[Step]:
        return [Step(f"{name}a", 384, (1, 3)), Step(f"{name}b", 384, (3, 1))]

    three = [Step("branch3x3_1", 384, 1), fork("branch3x3_2")]
    twice = [Step("branch3x3dbl_1", 448, 1), Step("branch3x3dbl_2", 384, 3), fork("branch3x3dbl_3")]
    return Mixed(inputs, [[Step("branch1x1", 320, 1)], three, twice], pool, 192)


class InceptionV3(nn.Module):
    """Images (B, 3, 299, 299) in [-1, 1] to Features: pooled (B, 2048), spatial (B, 2023), logits (B, 1008).

    The logits leave out the bias, as the original scores do: they read the product before it is added.
    """

    def __init__(self):
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, Step("", 32, 3, 2))
        self.Conv2d_2a_3x3 = Convolution(32, Step("", 32, 3), padding=False)
        self.Conv2d_2b_3x3 = Convolution(32, Step("", 64, 3))
        self.Conv2d_3b_1x1 = Convolution(64, Step("", 80, 1))
        self.Conv2d_4a_3x3 = Convolution(80, Step("", 192, 3), padding=False)
        self.Mixed_5b = at_35(192, 32)
        self.Mixed_5c = at_35(256, 64)
        self.Mixed_5d = at_35(288, 64)
        self.Mixed_6a = to_17(288)
        self.Mixed_6b = at_17(768, 128)
        self.Mixed_6c = at_17(768, 160)
        self.Mixed_6d = at_17(768, 160)
        self.Mixed_6e = at_17(768, 192)
        self.Mixed_7a = to_8(768)
        self.Mixed_7b = at_8(1280, "mean")
        self.Mixed_7c = at_8(2048, "max")  # by the maximum: a slip of 2015 that the metric has kept
        self.fc = nn.Linear(2048, 1008)

    def forward(self, x: Tensor) -> Features:
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = F.max_pool2d(x, 3, stride=2)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))
        x = F.max_pool2d(x, 3, stride=2)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))
        x = self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x))))
        spatial = x[:, :SPATIAL_CHANNELS].flatten(1)
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(self.Mixed_6e(x))))
        pooled = x.mean((2, 3))
        return Features(pooled, spatial, pooled @ self.fc.weight.T)
