"""What a training run writes down: one line of JSON for each interval, and TensorBoard if asked."""

import json
import time
from pathlib import Path

import torch
from accelerate import Accelerator

from ldm_tutorial.training.config import TrainingConfig


class Log:
    """Averages what the objective reports and writes a line of JSON for each interval."""

    def __init__(self, run: Path, start: int, accelerator: Accelerator, config: TrainingConfig):
        self.path, self.accelerator, self.config = run / "log.jsonl", accelerator, config
        self.records, self.sums, self.last_step = [], {}, start
        self.began = self.last = time.time()
        self.earlier, self.board = 0.0, None
        if accelerator.is_main_process:
            run.mkdir(parents=True, exist_ok=True)
            if start:
                lines = self.path.read_text().splitlines() if self.path.exists() else []
                self.records = [r for r in map(json.loads, lines) if r["step"] <= start]
                self.earlier = self.records[-1]["seconds"] if self.records else 0.0
            self.path.write_text("".join(json.dumps(r) + "\n" for r in self.records))
            if config.tensorboard:
                from torch.utils.tensorboard import SummaryWriter

                self.board = SummaryWriter(run / "tensorboard")

    def seconds(self) -> float:
        return self.earlier + time.time() - self.began

    def add(self, logs: dict):
        for name, (total, count) in logs.items():
            pair = torch.stack([torch.as_tensor(total).detach().double(), torch.as_tensor(count).double()])
            self.sums[name] = self.sums[name] + pair if name in self.sums else pair

    def write(self, step: int, rate: float) -> str:
        means = {}
        for name, pair in self.sums.items():
            total, count = self.accelerator.reduce(pair, "sum")
            means[name] = (total / count.clamp(min=1e-12)).tolist()
        images = (step - self.last_step) * self.config.batch_size / max(time.time() - self.last, 1e-9)
        self.sums, self.last, self.last_step = {}, time.time(), step
        record = {"step": step, "learning_rate": rate, "images_per_second": round(images, 1)}
        record |= {"seconds": round(self.seconds(), 1), **means}
        self.records.append(record)
        if self.accelerator.is_main_process:
            with self.path.open("a") as file:
                file.write(json.dumps(record) + "\n")
            for name, value in means.items():
                if self.board and isinstance(value, float):
                    self.board.add_scalar(name, value, step)
        return f"loss {means['loss']:.4f}, {images:.0f} images/s"
