"""What to say when numbers stop being numbers."""

import torch
from torch import nn


class NonFiniteError(RuntimeError):
    """Training met a NaN or an infinity; the message names the step, the layer and what to go back to."""


def first_bad_layer(objective: nn.Module, batch: dict) -> str:
    """Name of the first layer whose parameters or output are not finite when `batch` runs through."""
    for name, parameter in objective.named_parameters():
        if not torch.isfinite(parameter).all():
            return f"the weights of {name}"
    for name, value in batch.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            return f"the input '{name}'"
    found = []

    def look(name):
        def hook(_module, _inputs, output):
            outputs = output if isinstance(output, tuple | list) else (output,)
            bad = any(isinstance(o, torch.Tensor) and not torch.isfinite(o).all() for o in outputs)
            if bad and not found:
                found.append(f"the output of {name}")

        return hook

    leaves = [(n, m) for n, m in objective.named_modules() if not list(m.children())]
    hooks = [module.register_forward_hook(look(name)) for name, module in leaves]
    try:
        with torch.no_grad():
            objective(batch)
    finally:
        for hook in hooks:
            hook.remove()
    if found:
        return found[0]
    for name, parameter in objective.named_parameters():
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
            return f"the gradient of {name}"
    return "the loss"
