"""Seconds, measured fairly."""

import time

import torch


class Timer:
    """`with Timer() as timer: ...`, then `timer.seconds`. On a GPU, name it: it is waited for."""

    def __init__(self, device="cpu"):
        self.device, self.seconds = torch.device(device), 0.0

    def __enter__(self):
        self._wait()
        self._started = time.perf_counter()
        return self

    def __exit__(self, *_):
        self._wait()
        self.seconds = time.perf_counter() - self._started

    def _wait(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()
