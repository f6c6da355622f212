"""`ldm info --blocks` and `--batch-size`: where a U-Net's size is, and what training it takes."""

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from ldm_tutorial.commands.recipes import count_parameters
from ldm_tutorial.conditioning import ComposedConditioner
from ldm_tutorial.latent_diffusion import LatentDiffusion, build_conditioner, build_first_stage, fitted
from ldm_tutorial.recipes import all_recipes
from ldm_tutorial.training import LatentDiffusionRecipe, find_checkpoint, load_checkpoint
from ldm_tutorial.training.conditions import read_conditions
from ldm_tutorial.training.start import open_data
from ldm_tutorial.unet import BlockCount, TrainingMemory, UNetConfig, count_blocks
from ldm_tutorial.unet.memory import from_blocks

SEEN = 64  # images that tell which conditions there are; all of them would only lengthen the vocabulary
ATTRIBUTES = 40  # of CelebA, which are the tokens of a recipe that has attributes


@dataclass(frozen=True)
class Network:
    """A U-Net in its place: `size` of the latents, `tokens` of the condition, parameters around it."""

    config: UNetConfig
    size: tuple[int, int]
    tokens: int
    conditioner: int
    first_stage: int
    batch_size: int | None = None
    steered: bool = False  # by a ControlNet, which is trained in its place


def network_of(name: str) -> Network:
    """The U-Net of a checkpoint or a recipe. ValueError where it has none."""
    recipe = all_recipes().get(name)
    try:
        find_checkpoint(name)
    except FileNotFoundError:
        if recipe is None:
            raise
        return of_recipe(recipe)
    model = load_checkpoint(name)
    if not isinstance(model, LatentDiffusion):
        raise ValueError(f"{name} is a {type(model).__name__}; --blocks and --batch-size are about U-Nets")
    sizes = {part: sum(p.numel() for p in module.parameters()) for part, module in model.named_children()}
    batch_size = recipe.training.batch_size if isinstance(recipe, LatentDiffusionRecipe) else None
    return Network(
        model.config.unet,
        model.latent_shape[1:],
        context_tokens(model.conditioner),
        sizes.get("conditioner", 0),
        sizes["first_stage"],
        batch_size,
        model.controlnet is not None,
    )


def context_tokens(conditioner: nn.Module | None) -> int:
    """How many tokens cross-attention looks at."""
    if conditioner is None:
        return 0
    if not isinstance(conditioner, ComposedConditioner):
        return len(conditioner.null_tokens)
    parts = [part.name for part in conditioner.config.parts if part.mechanism == "cross_attention"]
    return sum(len(conditioner.encoders[name].null_tokens) for name in parts)


def of_recipe(recipe) -> Network:
    """The U-Net that a recipe trains; the text encoder, whose size depends on the captions, is left out."""
    if not isinstance(recipe, LatentDiffusionRecipe):
        raise ValueError(f"{recipe.name} is not about a U-Net; --blocks and --batch-size are")
    downsampling, parameters = 1, 0
    if recipe.first_stage is not None:
        first = all_recipes()[Path(recipe.first_stage).name]
        parameters = count_parameters(first)
        with torch.device("meta"):
            downsampling = build_first_stage(first.first_stage).downsampling
    side = recipe.data.size // downsampling
    if recipe.parts:
        images = open_data(replace(recipe.data, limit=SEEN), "train")
        conditioner = build_conditioner(read_conditions(recipe, images, None)[0])
        config, tokens = fitted(recipe.unet, conditioner), context_tokens(conditioner)
        steered = "hint_channels" in conditioner.needs
        return Network(config, (side, side), tokens, 0, parameters, recipe.training.batch_size, steered)
    tokens = {None: 0, "captions": recipe.context_length, "attributes": ATTRIBUTES}[recipe.condition]
    config = replace(recipe.unet, context_dim=recipe.context_dim if recipe.condition else None)
    return Network(config, (side, side), tokens, 0, parameters, recipe.training.batch_size)


def show_network(name: str, blocks: bool, memory: bool, batch_size: int | None) -> None:
    """Print the table of the blocks, and the memory of training with `batch_size` images or the recipe's."""
    network = network_of(name)
    if batch_size is None and memory:
        batch_size = network.batch_size
        if batch_size is None:
            raise ValueError(f"no recipe says how {name} is trained; give --batch-size in place of --memory")
    if batch_size is not None and network.steered:
        raise ValueError(f"{name} trains a ControlNet, whose memory is not known beforehand; use --blocks")
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"--batch-size is {batch_size}; it must be at least 1")
    counts = count_blocks(network.config, *network.size, network.tokens)
    if blocks:
        print(table(counts))
    if batch_size is not None:
        print(memory_of(network, counts, batch_size))


def table(counts: list[BlockCount]) -> str:
    """One line for each block: output, parameters, arithmetic and memory of one image."""
    rows = [("block", "output", "parameters", "GFLOP", "kept, MB")]
    for block in counts:
        shape = " x ".join(map(str, block.shape))
        rows.append((block.name, shape, *numbers(block.parameters, block.flops, block.kept)))
    sums = [sum(getattr(block, name) for block in counts) for name in ("parameters", "flops", "kept")]
    rows.append(("together", "", *numbers(*sums)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    note = "GFLOP: of the forward pass of one image; kept: its activations that wait for the backward pass"
    return "\n".join([*lines, note])


def numbers(parameters: int, flops: int, kept: int) -> tuple[str, str, str]:
    return f"{parameters:,}", f"{flops / 1e9:.3f}", f"{kept / 1e6:.2f}"


def memory_of(network: Network, counts: list[BlockCount], batch_size: int) -> str:
    """What training takes in float32, part by part, and what makes it less."""
    process = process_memory()

    def taken(images: int) -> TrainingMemory:
        return from_blocks(counts, images, process, network.conditioner, network.first_stage)

    whole = taken(batch_size)
    lines = [f"training in float32, {batch_size} images at a time"]
    about = {
        "weights": "of the U-Net and what stands around it",
        "gradients": "",
        "optimizer": "the two moments of AdamW",
        "average": "the moving average of the weights (EMA)",
        "activations": f"{sum(block.kept for block in counts) / 1e6:.1f} MB an image",
        "process": "Python and PyTorch, on a CPU" if process else "not measured on this system",
    }
    lines += [f"  {name:11} {gigabytes(size)}  {about[name]}" for name, size in vars(whole).items()]
    lines.append(f"  {'together':11} {gigabytes(whole.total)}")
    parts = min(4, batch_size)
    while batch_size % parts:
        parts -= 1
    if parts > 1:
        less = taken(batch_size // parts)
        lines.append(
            f"  --accumulation {parts} takes {gigabytes(less.total).strip()} and gives the same gradient"
        )
    half = whole.total - whole.activations // 2 + (whole.weights // 2)
    lines.append(
        f"  --mixed-precision bf16, for GPUs: about {gigabytes(half).strip()}; it halves the activations and "
        "adds copies of the weights"
    )
    return "\n".join(lines)


def gigabytes(size: int) -> str:
    return f"{size / 1e9:6.2f} GB"


ONE_STEP = """
import torch
from ldm_tutorial import training, unet
from ldm_tutorial.unet.memory import peak_memory
torch.set_num_threads(1)
network = unet.UNet(unet.UNetConfig(channels=16, head_channels=8, context_dim=8))
network.to(memory_format=torch.channels_last)
optimizer = torch.optim.AdamW(network.parameters(), fused=True)
for _ in range(2):
    network(torch.ones(2, 4, 16, 16), torch.zeros(2).long(), torch.ones(2, 4, 8)).square().sum().backward()
    optimizer.step()
print(peak_memory())
"""


def process_memory() -> int:
    """Bytes that a training process takes apart from its networks: a new one trains a tiny U-Net and tells.

    0 where the system does not tell.
    """
    done = subprocess.run([sys.executable, "-c", ONE_STEP], capture_output=True, text=True, check=False)
    return 0 if done.returncode else int(done.stdout)
