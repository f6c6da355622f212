"""`ldm info --blocks` and `--batch-size`."""

import re

import pytest

from ldm_tutorial.cli import main
from ldm_tutorial.commands import network
from ldm_tutorial.training import load_checkpoint


@pytest.fixture
def no_process(monkeypatch):
    """Not the memory of a real process, which takes seconds to measure."""
    monkeypatch.setattr(network, "process_memory", lambda: 500_000_000)


def test_blocks_of_a_checkpoint(course, capsys):
    assert main(["info", "peeps-ldm", "--blocks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["block", "output", "parameters", "GFLOP", "kept,", "MB"]
    together = next(line for line in lines if line.startswith("together"))
    count = sum(p.numel() for p in load_checkpoint("peeps-ldm").unet.parameters())
    assert together.split()[1] == f"{count:,}"
    assert any(line.startswith("down 1.0 attention  16 x 8 x 8 ") for line in lines)


def test_memory_of_a_checkpoint(course, capsys, no_process):
    assert main(["info", "peeps-ldm", "--memory"]) == 0
    at_16 = capsys.readouterr().out
    assert at_16.startswith("training in float32, 16 images at a time\n"), "the batch size of its recipe"
    sizes = [float(size) for size in re.findall(r"([\d.]+) GB", at_16.split("--accumulation")[0])]
    assert sum(sizes[:-1]) == pytest.approx(sizes[-1], abs=0.04)
    assert "--accumulation 4 takes" in at_16 and "--mixed-precision bf16" in at_16
    assert main(["info", "unconditional", "--batch-size", "1"]) == 0
    assert "--accumulation" not in capsys.readouterr().out, "one image can't be cut"


def test_recipes_are_known_before_they_are_trained(course, capsys, no_process):
    assert main(["info", "celebahq256-ldm", "--batch-size", "48"]) == 0
    out = capsys.readouterr().out
    assert "gradients     1.10 GB" in out, "274 M parameters of 4 bytes"


@pytest.mark.parametrize(
    ("name", "latents", "tokens"),
    [("peeps-cross-attention", 4, 32), ("peeps-concatenation", 4 + 128, 0), ("peeps-edges", 4, 32)],
)
def test_recipes_with_parts_count_their_entrances(course, name, latents, tokens):
    found = network.network_of(name)
    assert (found.config.in_channels, found.tokens) == (latents, tokens)
    assert (found.config.context_dim is None) == (tokens == 0) and found.steered == (name == "peeps-edges")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["peeps-kl-f4", "--blocks"], "peeps-kl-f4 is a KLAutoencoder; --blocks and --batch-size are about"),
        (["celebahq256-vq-f4", "--blocks"], "celebahq256-vq-f4 is not about a U-Net"),
        (["unconditional", "--memory"], "no recipe says how unconditional is trained; give --batch-size"),
        (["peeps-ldm", "--batch-size", "0"], "--batch-size is 0; it must be at least 1"),
        (["peeps-edges", "--memory"], "peeps-edges trains a ControlNet, whose memory is not known"),
        (["nothing", "--blocks"], "no checkpoint at nothing"),
    ],
)
def test_what_can_not_be_shown(course, capsys, arguments, sentence):
    assert main(["info", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"ldm: {sentence}") and error.count("\n") == 1, error


def test_the_memory_of_a_process_is_measured():
    assert 1e8 < network.process_memory() < 4e9
