"""The training loop of both stages.

An *objective* is a module that knows its data, what is random in a step, and its loss:

    len(objective)                         how many images there are
    objective.fetch(indices) -> dict       their tensors
    objective.randomness(indices, generator) -> dict    noise, timesteps, ... of a whole batch
    objective(batch) -> (loss, logs)       scalar; logs: name -> (sum, count), averaged when reported
    objective.strip() -> (N, 3, H, W)      pictures from fixed seeds
    objective.model                        what is averaged, and saved as the result

One with an adversary has two *players*, and then also

    objective.players -> dict              name -> the parameters that this player trains

    objective.rates -> dict                name -> its multiple of the learning rate; 1 where it has none

Each has an optimizer of its own. `loss` is then the sum of what each of them minimises, made so that the
gradient of one's part reaches its own parameters only. What begins late in a run asks `objective.progress`,
the share of the steps that are done, which the loop sets.

Everything else about a run is here, once.
"""

import math
import signal
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch.nn.utils import clip_grad_norm_
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from ldm_tutorial.training.config import TrainingConfig
from ldm_tutorial.training.ema import EMA
from ldm_tutorial.training.health import NonFiniteError, first_bad_layer
from ldm_tutorial.training.log import Log
from ldm_tutorial.training.order import DataOrder, step_generator
from ldm_tutorial.training.pictures import save_strip
from ldm_tutorial.training.state import load_state, save_state, states


class Interrupted(Exception):  # noqa: N818 (not an error)
    """Training was stopped by the user; its state is saved."""


def train(objective, config: TrainingConfig, run: Path, resume: bool = False, progress: bool = True):
    """Train `objective` for config.steps steps in the folder `run`; its weights end as the moving average.

    Returns the list of log records. Raises NonFiniteError on a NaN, Interrupted after Ctrl-C (the
    state is saved first), FileExistsError where `run` holds a run and `resume` is not asked for.
    Works under `torchrun` on several processes: each takes its share of every batch.
    """
    run = Path(run)
    if states(run) and not resume:
        raise FileExistsError(f"{run} holds a run already; add --resume to go on with it, or choose another")
    players = players_of(objective)
    accelerator = Accelerator(
        mixed_precision=config.mixed_precision,
        cpu=config.device == "cpu",
        # a player that has not begun gets no gradient
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=len(players) > 1)],
    )
    shares = accelerator.num_processes * config.accumulation
    if config.batch_size % shares:
        raise ValueError(
            f"batch_size {config.batch_size} is not a multiple of processes x accumulation {shares}"
        )
    objective.to(accelerator.device)
    if config.channels_last:
        objective.to(memory_format=torch.channels_last)
    rates = getattr(objective, "rates", {})
    optimizers = [
        torch.optim.AdamW(
            parameters, config.learning_rate, config.betas, weight_decay=config.weight_decay, fused=True
        )
        for parameters in players.values()
    ]
    ema = EMA(objective.model, config.ema_decay)
    start = load_state(run, objective, optimizers, ema)["step"] if resume and states(run) else 0
    wrapped, *steppers = accelerator.prepare(objective, *optimizers)
    batches = iter(
        DataLoader(
            Batches(objective, config, accelerator.process_index, accelerator.num_processes),
            batch_size=None,
            sampler=range(start, config.steps),
            num_workers=config.workers,
        )
    )
    log = Log(run, start, accelerator, config)
    bar = tqdm(total=config.steps, initial=start, disable=not (progress and accelerator.is_main_process))
    with StopFlag() as stop, bar:
        for step in range(start, config.steps):
            objective.progress = step / config.steps
            for player, optimizer in zip(players, optimizers, strict=True):
                optimizer.param_groups[0]["lr"] = rates.get(player, 1.0) * learning_rate(config, step)
            for part, batch in enumerate(next(batches)):
                batch = {k: v.to(accelerator.device, non_blocking=True) for k, v in batch.items()}
                with accelerator.autocast():
                    loss, logs = wrapped(batch)
                if not torch.isfinite(loss):
                    raise NonFiniteError(explain(run, step, objective, batch))
                if part + 1 < config.accumulation:
                    with accelerator.no_sync(wrapped):
                        accelerator.backward(loss / config.accumulation)
                else:
                    accelerator.backward(loss / config.accumulation)
                log.add(logs)
            if accelerator.sync_gradients:
                accelerator.unscale_gradients()
                for parameters in players.values():
                    norm = clip_grad_norm_(parameters, config.gradient_clip)
                    if not torch.isfinite(norm) and config.mixed_precision != "fp16":  # its scaler skips it
                        raise NonFiniteError(explain(run, step, objective, batch))
            for stepper, parameters in zip(steppers, players.values(), strict=True):
                if any(p.grad is not None for p in parameters):  # else this player has not begun
                    stepper.step()
                    stepper.zero_grad(set_to_none=True)
            ema.update()
            done = step + 1
            if done % config.log_every == 0 or done == config.steps:
                bar.set_postfix_str(log.write(done, learning_rate(config, step)))
            bar.update()
            last = done == config.steps or stop.asked
            if accelerator.is_main_process:
                if done % config.checkpoint_every == 0 or last:
                    save_state(run, done, objective, optimizers, ema, {"seconds": log.seconds()})
                if done % config.strip_every == 0 or done == config.steps:
                    with ema.applied():
                        save_strip(objective.strip(), run / "strips" / f"step-{done:08d}.png")
            if stop.asked and done < config.steps:
                raise Interrupted(f"stopped after step {done} of {config.steps}; its state is saved in {run}")
    accelerator.wait_for_everyone()
    ema.swap()
    return log.records


def players_of(objective) -> dict[str, list[torch.nn.Parameter]]:
    """Who trains which parameters; without `players` there is one, who trains all that can be trained.

    ValueError unless every trainable parameter of the objective belongs to exactly one player.
    """
    trainable = {id(p): name for name, p in objective.named_parameters() if p.requires_grad}
    players = getattr(objective, "players", None)
    if players is None:
        return {"model": [p for p in objective.parameters() if p.requires_grad]}
    owned = [id(p) for parameters in players.values() for p in parameters]
    for key, name in trainable.items():
        if owned.count(key) != 1:
            raise ValueError(f"{name} belongs to {owned.count(key)} players of {list(players)}; it needs one")
    return players


class Batches(Dataset):
    """Item k: this process's share of step k, as a list of one batch per accumulation step."""

    def __init__(self, objective, config: TrainingConfig, rank: int, processes: int):
        self.objective, self.config, self.rank, self.processes = objective, config, rank, processes
        self.order = DataOrder(len(objective), config.batch_size, config.seed)

    def __len__(self):
        return self.config.steps

    def __getitem__(self, step: int) -> list[dict]:
        size, parts = self.config.batch_size, self.config.accumulation
        indices = self.order(step)
        # drawn for the whole batch on every process alike, so that it does not depend on how many there are
        random = self.objective.randomness(indices, step_generator(self.config.seed, step))
        share = torch.arange(size).chunk(self.processes)[self.rank]
        return [
            self.objective.fetch(indices[part]) | {k: v[part] for k, v in random.items()}
            for part in share.chunk(parts)
        ]


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Learning rate of a step: a linear warm-up, then constant or a cosine that ends at 0."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    if config.decay == "constant":
        return config.learning_rate
    progress = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))


def explain(run: Path, step: int, objective, batch: dict) -> str:
    found = states(run)
    back = f"the last good state is {found[-1]}" if found else "no state was saved before it"
    return f"step {step + 1}: {first_bad_layer(objective, batch)} is not finite; {back}"


class StopFlag:
    """The first Ctrl-C (or SIGTERM) sets a flag, looked at between steps; a second one stops at once."""

    def __enter__(self):
        self.asked = False
        self.previous = {}
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                self.previous[number] = signal.signal(number, self.ask)
        except ValueError:  # not in the main thread: nothing to catch here
            pass
        return self

    def ask(self, number, _frame):
        self.asked = True
        signal.signal(number, self.previous[number])

    def __exit__(self, *_):
        for number, handler in self.previous.items():
            signal.signal(number, handler)
