"""The training loop: the same bits whatever interrupts it, the same losses however it is split."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ldm_tutorial.training import Interrupted, NonFiniteError, TrainingConfig, train
from ldm_tutorial.training.loop import learning_rate
from ldm_tutorial.training.order import DataOrder
from ldm_tutorial.training.state import states

CONFIG = TrainingConfig(
    steps=12,
    batch_size=8,
    warmup=2,
    learning_rate=1e-2,
    log_every=1,
    strip_every=6,
    checkpoint_every=4,
    device="cpu",
)


class Denoiser(nn.Module):
    """The smallest objective with all that the real ones have: noise, dropout of inputs, a frozen part."""

    def __init__(self, poison: int | None = None):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.data = torch.randn(50, 3, generator=generator)
        self.model = nn.Sequential(nn.Linear(3, 16), nn.SiLU(), nn.Linear(16, 3))
        with torch.no_grad():
            for p in self.model.parameters():
                p.copy_(torch.randn(p.shape, generator=generator) * 0.3)
        self.frozen = nn.Linear(3, 3).requires_grad_(False)
        with torch.no_grad():
            self.frozen.weight.copy_(torch.eye(3)), self.frozen.bias.zero_()
        self.poison, self.fetched = poison, 0

    def __len__(self):
        return len(self.data)

    def randomness(self, indices, generator):
        return {"noise": torch.randn(len(indices), 3, generator=generator)}

    def fetch(self, indices):
        self.fetched += 1
        x = self.data[indices].clone()
        if self.poison is not None and self.fetched > self.poison:
            x[0, 0] = float("nan")
        return {"x": x}

    def forward(self, batch):
        x = self.frozen(batch["x"])
        error = (self.model(x + batch["noise"]) - x).square().mean(1)
        return error.mean(), {"loss": (error.sum(), len(error))}

    def strip(self):
        return torch.zeros(2, 3, 8, 8)


def weights(objective):
    return torch.cat([p.detach().flatten() for p in objective.model.parameters()])


def trained(folder, config=CONFIG, **options):
    objective = Denoiser()
    records = train(objective, config, folder, progress=False, **options)
    return weights(objective), [r["loss"] for r in records]


def test_same_seed_same_bits(tmp_path):
    (first, losses), (second, again) = trained(tmp_path / "a"), trained(tmp_path / "b")
    assert torch.equal(first, second) and losses == again
    other, _ = trained(tmp_path / "c", replace(CONFIG, seed=1))
    assert not torch.equal(first, other), "another seed should train on other noise"


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_ctrl_c_then_resume_gives_the_bits_of_an_uninterrupted_run(tmp_path, stop):
    whole, losses = trained(tmp_path / "whole")

    class Impatient(Denoiser):
        def randomness(self, indices, generator):
            self.steps = getattr(self, "steps", 0) + 1
            if self.steps == stop:
                os.kill(os.getpid(), signal.SIGINT)
            return super().randomness(indices, generator)

    with pytest.raises(Interrupted, match="saved"):
        train(Impatient(), CONFIG, tmp_path / "halves", progress=False)
    resumed, later = trained(tmp_path / "halves", resume=True)
    assert torch.equal(whole, resumed), "weights after the resume should be those of one run, to the bit"
    assert losses == later, "the log should read as one run's"


RUN = """
import sys; sys.path.insert(0, {tests!r})
from test_loop import CONFIG, Denoiser
from dataclasses import replace
from pathlib import Path
import torch
from ldm_tutorial.training import train, state
{before}
objective = Denoiser()
records = train(objective, replace(CONFIG, **{overrides!r}), Path({folder!r}), resume={resume}, progress=0)
if int(__import__("os").environ.get("RANK", 0)) == 0:
    torch.save([objective.model.state_dict(), [r["loss"] for r in records]], {folder!r} + "/result.pt")
"""


def script(tmp_path, folder, before="", resume=False, **overrides):
    file = tmp_path / "run.py"
    file.write_text(
        RUN.format(
            tests=str(Path(__file__).parent),
            before=before,
            overrides=overrides,
            folder=str(folder),
            resume=resume,
        )
    )
    return file


def test_kill_in_the_middle_of_a_write_loses_nothing(tmp_path):
    whole, _ = trained(tmp_path / "whole")
    hang = (
        "import time\nreal = state.save_file\n"
        "def slow(tensors, path):\n"
        "    if 'step-00000008' in str(path):\n"
        "        path.write_bytes(b'half a file'); print('writing', flush=True); time.sleep(60)\n"
        "    real(tensors, path)\n"
        "state.save_file = slow"
    )
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, script(tmp_path, folder, hang)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == "writing"
    process.kill()
    process.wait()
    assert [p.name for p in states(folder)] == ["step-00000004"], "the state before the kill should stand"
    resumed, _ = trained(folder, resume=True)
    assert torch.equal(whole, resumed)
    assert not list((folder / "state").glob(".*")), "what the killed process left should be cleared away"


def test_two_processes_give_the_losses_of_one(tmp_path):
    _, alone = trained(tmp_path / "one")
    file = script(tmp_path, tmp_path / "two")
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        str(file),
    ]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    _, together = torch.load(tmp_path / "two" / "result.pt")
    assert together == pytest.approx(alone, rel=1e-5), "the global batch is the same, so should the losses be"


def test_accumulation_gives_the_gradient_of_the_whole_batch(tmp_path):
    whole, _ = trained(tmp_path / "whole")
    parts, _ = trained(tmp_path / "parts", replace(CONFIG, accumulation=4))
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-6)


def test_nan_names_the_step_the_layer_and_the_last_good_state(tmp_path):
    with pytest.raises(NonFiniteError, match=r"step 6: the input 'x' is not finite; .*step-00000004"):
        train(Denoiser(poison=5), CONFIG, tmp_path, progress=False)


def test_nan_inside_names_the_layer(tmp_path):
    objective = Denoiser()
    with torch.no_grad():
        objective.model[2].bias[0] = float("inf")
    with pytest.raises(NonFiniteError, match=r"step 1: the weights of model.2.bias"):
        train(objective, CONFIG, tmp_path, progress=False)


def test_a_run_is_not_overwritten(tmp_path):
    trained(tmp_path)
    with pytest.raises(FileExistsError, match="--resume"):
        trained(tmp_path)


def test_damaged_state_is_refused_with_its_name(tmp_path):
    trained(tmp_path)
    (states(tmp_path)[-1] / "tensors.safetensors").write_bytes(b"not weights")
    with pytest.raises(ValueError, match=r"step-00000012 is damaged"):
        trained(tmp_path, replace(CONFIG, steps=20), resume=True)


def test_state_of_another_model_is_refused(tmp_path):
    trained(tmp_path)
    other = Denoiser()
    other.model[0] = nn.Linear(3, 8)
    with pytest.raises(ValueError, match="belongs to another model"):
        train(other, replace(CONFIG, steps=20), tmp_path, resume=True, progress=False)


def test_every_trained_parameter_is_in_exactly_one_optimizer(tmp_path, monkeypatch):
    seen = []
    real = torch.optim.AdamW.__init__
    monkeypatch.setattr(
        torch.optim.AdamW,
        "__init__",
        lambda self, params, *a, **k: (seen.extend(params), real(self, params, *a, **k))[1],
    )
    objective = Denoiser()
    train(objective, CONFIG, tmp_path, progress=False)
    trainable = [id(p) for p in objective.parameters() if p.requires_grad]
    assert sorted(id(p) for p in seen) == sorted(trainable)


def test_only_the_last_states_are_kept_and_strips_are_pictures(tmp_path):
    trained(tmp_path)
    assert [p.name for p in states(tmp_path)] == ["step-00000008", "step-00000012"]
    assert (tmp_path / "strips" / "step-00000006.png").read_bytes()[:4] == b"\x89PNG"
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records] == list(range(1, 13))
    assert {"loss", "learning_rate", "images_per_second", "seconds"} <= records[0].keys()


def test_order_shows_every_image_once_an_epoch():
    order = DataOrder(10, 4, seed=3)
    seen = torch.cat([order(step) for step in range(5)])
    assert sorted(seen[:10].tolist()) == list(range(10)) == sorted(seen[10:].tolist())
    assert seen[:10].tolist() != seen[10:].tolist(), "every epoch should have its own order"
    assert torch.equal(DataOrder(10, 4, 3)(3), order(3)), (
        "the order should not depend on what was asked before"
    )


def test_learning_rate_warms_up_and_ends_at_zero():
    config = replace(CONFIG, steps=100, warmup=10, decay="cosine", learning_rate=1.0)
    assert learning_rate(config, 0) == pytest.approx(0.1) and learning_rate(config, 9) == pytest.approx(1)
    assert learning_rate(config, 55) == pytest.approx(0.5) and learning_rate(config, 99) < 1e-3


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 0), ("batch_size", 0), ("learning_rate", 0.0), ("ema_decay", 1.0), ("accumulation", 3)],
)
def test_bad_settings_are_named(field, value):
    with pytest.raises(ValueError, match=f"{field}"):
        replace(CONFIG, **{field: value})
