"""Where the contestants run: on a GPU, if there is one, compiled and in bfloat16; else on the CPU."""

import torch
from torch import Tensor, nn

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ON_GPU = DEVICE.type == "cuda"


def ready(network: nn.Module, channels_last: bool) -> nn.Module:
    """The network on the device. A GPU gets every contestant compiled and in channels_last."""
    network = network.to(DEVICE)
    if channels_last or ON_GPU:
        network = network.to(memory_format=torch.channels_last)
    return torch.compile(network) if ON_GPU else network


def on_device(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(tensor.to(DEVICE) for tensor in tensors)


def precision() -> torch.autocast:
    """bfloat16 for what follows, on a GPU; nothing on a CPU, where it is many times slower."""
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=ON_GPU)
