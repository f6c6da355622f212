"""The same networks with the same weights, ours and diffusers': a training step, and a forward pass.

Ours lie in channels_last, as the training loop puts them, diffusers' as they are built. In a training
step the optimizer is PyTorch's fused AdamW for both; in the rows `own optimizers` diffusers' is AdamW at
PyTorch's defaults, which is not fused. A guidance batch holds every image twice: with its condition and
without.
"""

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, ModelMixin, UNet2DConditionModel
from torch import nn

from benchmarks.device import on_device, precision, ready
from benchmarks.timing import rate, ratio, take_turns
from ldm_tutorial.interop import kl_from_diffusers, unet_from_diffusers

THREADED = True
HEADER = [
    "network",
    "parameters",
    "batch",
    "what",
    "diffusers, images/s",
    "ours, images/s",
    "ours / diffusers",
]
LARGE = {"block_out_channels": (64, 128, 256), "layers_per_block": 2, "attention_head_dim": (2, 4, 8)}
SMALL = {
    "block_out_channels": (48, 96, 96),
    "layers_per_block": 1,
    "attention_head_dim": (1, 3, 3),
    "norm_num_groups": 16,
}


def table(rounds: int) -> list[list[str]]:
    torch.manual_seed(0)
    return [
        *unet_rows("24 M conditional U-Net, 16x16x4", LARGE, rounds, batch=8, side=16),
        *unet_rows("24 M conditional U-Net, 32x32x4", LARGE, rounds, batch=4, side=32),
        *unet_rows("U-Net of peeps-ldm, 16x16x4", SMALL, rounds, batch=16, side=16),
        *kl_rows("KL autoencoder, f = 4, 64x64x3", rounds, batch=8),
    ]


def unet_rows(title, shape, rounds, batch, side) -> list[list[str]]:
    theirs = UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=128,
        **shape,
    )

    def inputs(images):
        return (
            torch.randn(images, 4, side, side),
            torch.randint(1000, (images,)),
            torch.randn(images, 32, 128),
        )

    work = [
        ("training step, own optimizers", f"{batch}", own_training_step, inputs(batch), batch),
        ("training step", f"{batch}", training_step, inputs(batch), batch),
        ("forward pass, guidance batch", f"2 x {batch}", forward_pass, inputs(2 * batch), batch),
    ]
    return rows(title, rounds, theirs, unet_from_diffusers(theirs), work)


def kl_rows(title, rounds, batch) -> list[list[str]]:
    theirs = AutoencoderKL(
        block_out_channels=(32, 64, 128),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=4,
    )
    ours, images = kl_from_diffusers(theirs), (torch.randn(batch, 3, 64, 64),)
    ours.forward = lambda x: ours.decode_unscaled(ours.posterior(x).mode())
    work = [
        ("training step, own optimizers", f"{batch}", own_training_step, images, batch),
        ("training step", f"{batch}", training_step, images, batch),
        ("forward pass", f"{batch}", forward_pass, images, batch),
    ]
    return rows(title, rounds, theirs, ours, work)


def rows(title, rounds, theirs, ours, work) -> list[list[str]]:
    """One row for each piece of work: what, size of the batch, function that prepares it, inputs, images."""
    size = f"{sum(p.numel() for p in ours.parameters()) / 1e6:.1f} M"
    for *_, inputs, _ in work:
        with torch.no_grad():
            torch.testing.assert_close(ours(*inputs), theirs(*inputs).sample, rtol=1e-4, atol=1e-4)
    networks = {"diffusers": ready(theirs, channels_last=False), "ours": ready(ours, channels_last=True)}
    result = []
    for what, batch, prepare, inputs, images in work:
        contestants = {name: prepare(network, on_device(inputs)) for name, network in networks.items()}
        seconds = take_turns(contestants, rounds)
        rates = [rate(seconds[name], images) for name in networks]
        result.append([title, size, batch, what, *rates, ratio(seconds["diffusers"], seconds["ours"])])
    return result


def run(network: nn.Module, inputs) -> torch.Tensor:
    """The output: itself, or inside what diffusers returns."""
    with precision():
        output = network(*inputs)
    return output if isinstance(output, torch.Tensor) else output.sample


def own_training_step(network: nn.Module, inputs):
    return training_step(network, inputs, fused=None if isinstance(network, ModelMixin) else True)


def training_step(network: nn.Module, inputs, fused: bool | None = True):
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=fused)

    def step():
        output = run(network, inputs).float()
        F.mse_loss(output, torch.zeros_like(output)).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def forward_pass(network: nn.Module, inputs):
    return torch.no_grad()(lambda: run(network, inputs))
