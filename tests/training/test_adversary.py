"""Two players in one loop: whose gradient goes where, when they begin, and that stops change nothing."""

import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from tiny import KL

from ldm_tutorial.first_stage import (
    KLAutoencoder,
    PatchDiscriminator,
    PlainAutoencoder,
    PlainConfig,
    VQAutoencoder,
    VQConfig,
    adaptive_weight,
    hinge_d_loss,
    reconstruction_loss,
)
from ldm_tutorial.training import FirstStageObjective, Interrupted, NonFiniteError, TrainingConfig, train
from ldm_tutorial.training.start import HeldPixels

PIXELS = torch.randint(0, 256, (24, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
CONFIG = TrainingConfig(
    steps=8,
    batch_size=4,
    warmup=2,
    learning_rate=1e-3,
    log_every=1,
    strip_every=4,
    checkpoint_every=2,
    device="cpu",
)
VQ = VQConfig(**(asdict(KL) | {"latent_channels": 2}), codes=16, ema_decay=0.9, restart=0.1)


def gan(model=None, start=0.5):
    torch.manual_seed(0)
    model = model or KLAutoencoder(KL)
    discriminator = PatchDiscriminator(ndf=4, n_layers=1)
    return FirstStageObjective(
        model,
        HeldPixels(PIXELS),
        torch.zeros(2, 3, 16, 16),
        discriminator=discriminator,
        adversarial_start=start,
    )


def vq():
    torch.manual_seed(0)
    return FirstStageObjective(VQAutoencoder(VQ), HeldPixels(PIXELS), torch.zeros(2, 3, 16, 16))


def batch_of(objective, n=8):
    indices = torch.arange(n)
    return objective.randomness(indices, torch.Generator().manual_seed(0)) | objective.fetch(indices)


def gradients(module):
    return {name: p.grad.clone() for name, p in module.named_parameters() if p.grad is not None}


def images_and_copies(objective, batch):
    x = batch["pixels"].float() / 127.5 - 1
    posterior = objective.model.posterior(x)
    return x, posterior, objective.model.decode_unscaled(posterior.mean + posterior.std * batch["noise"])


def test_gradients_of_the_players_do_not_mix():
    objective = gan(start=0.0)
    batch = batch_of(objective)
    loss, _ = objective(batch)
    loss.backward()
    mixed = {"model": gradients(objective.model), "discriminator": gradients(objective.discriminator)}

    objective.zero_grad()
    x, _, copies = images_and_copies(objective, batch)
    hinge_d_loss(objective.discriminator(x), objective.discriminator(copies.detach())).backward()
    assert not gradients(objective.model), "the discriminator's loss should not reach the generator"
    alone = gradients(objective.discriminator)
    for name, gradient in mixed["discriminator"].items():
        torch.testing.assert_close(gradient, alone[name], msg=f"the generator's loss reached {name}")

    objective.zero_grad()
    x, posterior, copies = images_and_copies(objective, batch)
    error = reconstruction_loss(copies, x)
    fooled = -objective.discriminator(copies).mean()
    weight = adaptive_weight(error, fooled, objective.model.last_layer)
    total = error + 1e-6 * posterior.kl().mean() / x[0].numel() + 0.5 * weight * fooled
    total.backward()
    assert gradients(objective.discriminator), "in this loss of a beginner the discriminator is not frozen"
    alone = gradients(objective.model)
    for name, gradient in mixed["model"].items():
        torch.testing.assert_close(
            gradient, alone[name], msg=f"the gradient of {name} is not the generator's"
        )


def test_each_player_is_clipped_on_its_own_and_has_an_optimizer_of_its_own(tmp_path, monkeypatch):
    seen, clipped = [], []
    real = torch.optim.AdamW.__init__
    monkeypatch.setattr(
        torch.optim.AdamW,
        "__init__",
        lambda self, params, *a, **k: (seen.append(list(params)), real(self, params, *a, **k))[1],
    )
    clip = torch.nn.utils.clip_grad_norm_
    monkeypatch.setattr(
        "ldm_tutorial.training.loop.clip_grad_norm_",
        lambda parameters, norm: (clipped.append(len(parameters)), clip(parameters, norm))[1],
    )
    objective = gan(start=0.0)
    train(objective, replace(CONFIG, steps=1), tmp_path, progress=False)
    expected = [list(objective.model.parameters()), list(objective.discriminator.parameters())]
    assert [[id(p) for p in group] for group in seen] == [[id(p) for p in group] for group in expected]
    assert clipped == [len(group) for group in expected]


def test_a_parameter_of_two_players_or_of_none_is_refused(tmp_path):
    class Greedy(FirstStageObjective):
        players = None

    objective = gan()
    objective.__class__ = Greedy
    both = [*objective.model.parameters(), *objective.discriminator.parameters()]
    for players, count in (
        ({"generator": both, "discriminator": list(objective.discriminator.parameters())}, 2),
        ({"generator": list(objective.model.parameters())}, 0),
    ):
        Greedy.players = players
        with pytest.raises(ValueError, match=rf"discriminator.layers.0.weight belongs to {count} players"):
            train(objective, CONFIG, tmp_path / str(count), progress=False)


def test_the_adversary_begins_at_its_fraction_of_the_run_and_is_reported(tmp_path):
    objective, states = gan(start=0.5), []
    forward = objective.forward
    weights = objective.discriminator.layers[0].weight
    objective.forward = lambda batch: (states.append(weights.detach().clone()), forward(batch))[1]
    records = train(objective, CONFIG, tmp_path, progress=False)
    assert all(torch.equal(states[0], state) for state in states[:5]), "it should not move before its start"
    assert not torch.equal(states[4], states[5]), "and move in the fifth step of eight"
    reported = {"adversarial", "adaptive_weight", "discriminator", "logits_real", "logits_fake"}
    assert not reported & records[3].keys() and reported <= records[4].keys()


def test_the_moving_average_and_the_result_are_the_generators(tmp_path):
    objective = gan(start=0.0)
    train(objective, replace(CONFIG, ema_decay=0.0), tmp_path, progress=False)
    raw = gan(start=0.0)
    train(raw, CONFIG, tmp_path / "averaged", progress=False)
    for mine, other in zip(objective.discriminator.parameters(), raw.discriminator.parameters(), strict=True):
        assert torch.equal(mine, other), "the discriminator should not be averaged"
    assert not torch.equal(objective.model.last_layer, raw.model.last_layer)


def test_perceptual_distance_joins_the_error_and_is_weighed_against_the_adversary(tmp_path):
    class Halves(torch.nn.Module):
        def forward(self, copies, images):
            return (copies - images).square().flatten(1).mean(1) / 2

    torch.manual_seed(0)
    objective = FirstStageObjective(
        KLAutoencoder(KL), HeldPixels(PIXELS), torch.zeros(2, 3, 16, 16), 0.0, "l2", Halves(), 3.0
    )
    loss, logs = objective(batch_of(objective))
    torch.testing.assert_close(loss, logs["l2"][0] / 8 * 2.5)
    torch.testing.assert_close(logs["perceptual"][0], logs["l2"][0] / 2)


class Impatient:
    """An objective that is stopped in the middle of a step."""

    def __init__(self, objective, stop):
        self.count, self.stop, randomness = 0, stop, objective.randomness

        def counted(indices, generator):
            self.count += 1
            if self.count == self.stop:
                os.kill(os.getpid(), signal.SIGINT)
            return randomness(indices, generator)

        objective.randomness = counted


@pytest.mark.parametrize(("build", "stop"), [(gan, 3), (gan, 6), (vq, 3)])
def test_a_stop_changes_no_bit_of_either_player_or_of_the_codebook(tmp_path, build, stop):
    whole = build()
    losses = [r["loss"] for r in train(whole, CONFIG, tmp_path / "whole", progress=False)]
    halves = build()
    Impatient(halves, stop)
    with pytest.raises(Interrupted):
        train(halves, CONFIG, tmp_path / "halves", progress=False)
    resumed = build()
    records = train(resumed, CONFIG, tmp_path / "halves", resume=True, progress=False)
    assert [r["loss"] for r in records] == losses
    found = resumed.state_dict()
    different = [name for name, value in whole.state_dict().items() if not torch.equal(value, found[name])]
    assert not different, f"these differ from an uninterrupted run: {different}"


def test_a_codebook_of_moving_averages_learns_in_the_loop(tmp_path):
    objective = vq()
    records = train(objective, replace(CONFIG, steps=30, log_every=5), tmp_path, progress=False)
    codebook = objective.model.codebook
    assert codebook.updates == 30 and codebook.weight.abs().max() > 1 / 16, "codes should leave their start"
    assert records[-1]["perplexity"] > 2 and {"codebook", "l1", "psnr"} <= records[-1].keys()
    assert not [name for name, _ in objective.named_parameters() if "codebook" in name]


def test_a_plain_autoencoder_has_no_penalty():
    torch.manual_seed(0)
    objective = FirstStageObjective(
        PlainAutoencoder(PlainConfig(**asdict(KL))), HeldPixels(PIXELS), torch.zeros(2, 3, 16, 16)
    )
    loss, logs = objective(batch_of(objective))
    torch.testing.assert_close(loss * 8, logs["l1"][0])
    assert objective.strip().shape == (4, 3, 16, 16)


def test_nan_in_the_contest_names_the_layer(tmp_path):
    objective = gan(start=0.0)
    with torch.no_grad():
        objective.discriminator.layers[0].weight[0] = float("nan")
    with pytest.raises(NonFiniteError, match="the weights of discriminator.layers.0.weight"):
        train(objective, CONFIG, tmp_path, progress=False)
    objective = gan(start=0.0)
    objective.discriminator.layers[4].register_forward_hook(lambda *io: io[2] * torch.inf)
    with pytest.raises(NonFiniteError, match="the output of discriminator.layers.4"):
        train(objective, CONFIG, tmp_path, progress=False)


RUN = """
import sys; sys.path[:0] = {paths!r}
import torch, torch.distributed as dist
from dataclasses import replace
from pathlib import Path
from test_adversary import CONFIG, gan, vq
from ldm_tutorial.training import train
for name, build in (("gan", gan), ("vq", vq)):
    objective = build()
    train(objective, CONFIG, Path({folder!r}) / name, progress=False)
    mine = torch.cat([p.detach().flatten() for p in objective.parameters()])
    if name == "vq":
        mine = torch.cat([mine, objective.model.codebook.weight.flatten()])
        torch.save(objective.model.codebook.counts, {folder!r} + "/counts.pt")
    first = mine.clone()
    dist.broadcast(first, 0)
    assert torch.equal(mine, first), "both processes should hold the same weights"
"""


def test_two_processes_play_and_count_together(tmp_path):
    file = tmp_path / "run.py"
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    file.write_text(RUN.format(paths=paths, folder=str(tmp_path)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", file]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False
    )
    assert done.returncode == 0, done.stderr[:3000]
    alone = vq()
    train(alone, CONFIG, tmp_path / "alone", progress=False)
    counts = torch.load(tmp_path / "counts.pt")
    assert counts.sum().item() == pytest.approx(alone.model.codebook.counts.sum().item(), rel=1e-4), (
        "counts should be those of the whole batch"
    )
