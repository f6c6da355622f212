"""The predicted memory of training against that of real processes."""

import dataclasses
import inspect
import json
import os
import subprocess
import sys

import pytest

from ldm_tutorial.unet import UNetConfig, count_blocks, training_memory
from ldm_tutorial.unet.memory import peak_memory

SMALL = UNetConfig(channels=16, channel_mult=(1, 2), res_blocks=1, attention=(2,), head_channels=8)
TRAIN = """
import json, sys, torch
from ldm_tutorial.unet import UNet, UNetConfig
from ldm_tutorial.unet.memory import peak_memory
torch.set_num_threads(1)
config, side, batch = json.loads(sys.argv[1])
config = {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}
unet = UNet(UNetConfig(**config)).to(memory_format=torch.channels_last)
average = [p.detach().clone() for p in unet.parameters()]
optimizer = torch.optim.AdamW(unet.parameters(), fused=True)
for _ in range(2):
    unet(torch.ones(batch, 4, side, side), torch.zeros(batch).long()).square().mean().backward()
    optimizer.step()
    optimizer.zero_grad()
    torch._foreach_lerp_(average, [p.detach() for p in unet.parameters()], 0.01)
print(peak_memory())
"""


# One thread and one heap that gives back what is freed: the same peak whatever else the machine does.
FIXED = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}


def measured(config, side, batch) -> int:
    """The largest memory of a new process that takes two training steps, in bytes."""
    arguments = json.dumps([dataclasses.asdict(config), side, batch])
    command = [sys.executable, "-c", TRAIN, arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | FIXED)
    return int(done.stdout)


@pytest.fixture(scope="module")
def process():
    return measured(SMALL, 8, 1)


@pytest.mark.parametrize(
    ("config", "side", "batch"),
    [
        pytest.param(dataclasses.replace(SMALL, channels=112, channel_mult=(1, 4)), 8, 1, id="weights"),
        pytest.param(dataclasses.replace(SMALL, channels=32, attention=()), 64, 10, id="activations"),
    ],
)
def test_prediction_is_within_15_percent(config, side, batch, process):
    """Also without the process, which is measured on both sides."""
    predicted, found = training_memory(config, side, side, batch).total, measured(config, side, batch)
    assert predicted == pytest.approx(found - process, rel=0.15)
    assert predicted + process == pytest.approx(found, rel=0.15)


def test_a_peak_is_that_of_its_own_process():
    """What Linux's getrusage says begins with the size of the process that started this one."""
    ballast = b"x" * 500_000_000
    command = [sys.executable, "-c", inspect.getsource(peak_memory) + "print(peak_memory())"]
    command[2] = "import sys\nfrom pathlib import Path\n" + command[2]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert len(ballast) < peak_memory(), "this process holds more"
    assert int(done.stdout) < 100_000_000, "a bare Python takes some ten MB, whoever starts it"


def test_the_parts():
    numel = sum(block.parameters for block in count_blocks(SMALL, 8, 8))
    one, four = (training_memory(SMALL, 8, 8, batch) for batch in (1, 4))
    assert one.weights == one.gradients == one.average == one.optimizer / 2 == 4 * numel
    assert 3 * one.activations < four.activations < 4 * one.activations, "a part does not grow with the batch"
    assert one.total == 5 * one.weights + one.activations
    around = training_memory(SMALL, 8, 8, 1, process=7, others=10, frozen=100)
    assert around.weights - one.weights == 440 and around.gradients - one.gradients == 40
    assert around.process == 7


def test_accumulation_keeps_the_activations_of_a_part():
    assert training_memory(SMALL, 8, 8, 8, accumulation=4) == training_memory(SMALL, 8, 8, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"batch_size": 4, "accumulation": 3}, "batch_size 4 is not a multiple of accumulation 3"),
    ],
)
def test_batches_that_can_not_be(change, message):
    with pytest.raises(ValueError, match=message):
        training_memory(SMALL, 8, 8, **change)
