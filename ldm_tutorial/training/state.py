"""The state of a training run on disk: enough to go on as if nothing had happened.

`RUN/state/step-00001000/` holds every tensor (weights, moving average, optimizer moments) in one
safetensors file and the few numbers in JSON. The order of the data and the noise are functions of
the step (see order.py) and need no state. A folder appears by one rename, so that a kill in the
middle of writing leaves the previous state in place.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from ldm_tutorial.training.atomic import atomic_folder
from ldm_tutorial.training.ema import EMA


def save_state(run: Path, step: int, objective: nn.Module, optimizers, ema: EMA, extra: dict, keep: int = 2):
    """Write the state after `step` optimizer steps and remove all but the last `keep`."""
    tensors = {f"weights/{k}": v for k, v in changing(objective).items()}
    tensors |= {f"average/model.{k}": v for k, v in zip(ema.names, ema.average, strict=True)}
    for name, parameter in objective.named_parameters():
        for optimizer in optimizers:
            for key, value in optimizer.state.get(parameter, {}).items():
                tensors[f"optimizer/{key}/{name}"] = torch.as_tensor(value)
    tensors = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
    numbers = {"step": step, "ema_updates": ema.updates, **extra}
    with atomic_folder(run / "state" / f"step-{step:08d}") as folder:
        save_file(tensors, folder / "tensors.safetensors")
        (folder / "state.json").write_text(json.dumps(numbers, indent=1))
    for old in states(run)[:-keep]:
        shutil.rmtree(old)


def states(run: Path) -> list[Path]:
    """The complete states of a run, oldest first."""
    return sorted((Path(run) / "state").glob("step-*"))


def changing(objective: nn.Module) -> dict[str, torch.Tensor]:
    """What training changes: parameters that are trained, and all buffers. The rest comes from the recipe."""
    frozen = {name for name, p in objective.named_parameters(remove_duplicate=False) if not p.requires_grad}
    return {name: value for name, value in objective.state_dict().items() if name not in frozen}


def load_state(run: Path, objective: nn.Module, optimizers, ema: EMA) -> dict:
    """Restore the newest state into the objects; returns its numbers, `step` among them.

    Raises FileNotFoundError where there is none and ValueError where it does not fit.
    """
    found = states(run)
    if not found:
        raise FileNotFoundError(f"no saved state in {Path(run) / 'state'}; start without --resume")
    newest = found[-1]
    try:
        tensors = load_file(newest / "tensors.safetensors")
        numbers = json.loads((newest / "state.json").read_text())
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise ValueError(f"{newest} is damaged ({error}); remove it to go on from the one before") from None
    weights = {k.removeprefix("weights/"): v for k, v in tensors.items() if k.startswith("weights/")}
    if missing := changing(objective).keys() - weights.keys():
        raise ValueError(f"{newest} belongs to another model: it has no {min(missing)}")
    try:
        objective.load_state_dict(objective.state_dict() | weights)
    except RuntimeError as error:
        raise ValueError(f"{newest} belongs to another model: {str(error).splitlines()[1].strip()}") from None
    for average, name in zip(ema.average, ema.names, strict=True):
        average.copy_(tensors[f"average/model.{name}"])
    named = dict(objective.named_parameters())
    owner = {
        p: optimizer for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]
    }
    for name in (name for name in tensors if name.startswith("optimizer/")):
        _, key, parameter = name.split("/", 2)
        optimizer, parameter = owner[named[parameter]], named[parameter]
        if key == "step":
            value = tensors[name].to(parameter.device if optimizer.defaults.get("fused") else "cpu")
        else:  # in the parameter's memory format: a fused optimizer walks through both alike
            value = torch.empty_like(parameter).copy_(tensors[name])
        optimizer.state[parameter][key] = value
    ema.updates = numbers["ema_updates"]
    return numbers
