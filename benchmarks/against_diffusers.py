"""The same networks with the same weights, ours and diffusers': a training step, and a forward pass."""

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, UNet2DConditionModel

from benchmarks.timing import rate, ratio, take_turns
from ldm_tutorial.interop import kl_from_diffusers, unet_from_diffusers

HEADER = [
    "network",
    "parameters",
    "batch",
    "what",
    "diffusers, images/s",
    "ours, images/s",
    "ours / diffusers",
]


def table(rounds: int) -> list[list[str]]:
    torch.manual_seed(0)
    return [
        *unet_rows("U-Net of peeps-ldm, 16x16x4", rounds, 32, (48, 96, 144), 1, (1, 3, 4), 16),
        *unet_rows("a larger U-Net, 16x16x4", rounds, 8, (64, 128, 256), 2, (2, 4, 8), 32),
        *kl_rows("KL autoencoder, f = 4, 64x64x3", rounds, 8),
    ]


def unet_rows(title, rounds, batch, channels, blocks, heads, groups) -> list[list[str]]:
    theirs = UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        block_out_channels=channels,
        layers_per_block=blocks,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=heads,
        cross_attention_dim=128,
        norm_num_groups=groups,
    )
    z, context = torch.randn(batch, 4, 16, 16), torch.randn(batch, 32, 128)
    t = torch.randint(0, 1000, (batch,))
    return rows(
        title,
        rounds,
        batch,
        (theirs, lambda network: network(z, t, context).sample),
        (unet_from_diffusers(theirs), lambda network: network(z, t, context)),
    )


def kl_rows(title, rounds, batch) -> list[list[str]]:
    theirs = AutoencoderKL(
        block_out_channels=(32, 64, 128),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=1,
        latent_channels=4,
    )
    x = torch.randn(batch, 3, 64, 64)
    return rows(
        title,
        rounds,
        batch,
        (theirs, lambda network: network.decode(network.encode(x).latent_dist.mode()).sample),
        (kl_from_diffusers(theirs), lambda network: network.decode_unscaled(network.posterior(x).mode())),
    )


def rows(title, rounds, batch, theirs, ours) -> list[list[str]]:
    """One row for a training step, one for a forward pass; each contestant is (network, how to call it)."""
    with torch.no_grad():
        outputs = [call(network) for network, call in (theirs, ours)]
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-4)  # or it would be no comparison
    size = f"{sum(p.numel() for p in ours[0].parameters()) / 1e6:.1f} M"
    result = []
    for what, prepare in (("training step", training_step), ("forward pass", forward_pass)):
        seconds = take_turns({"diffusers": prepare(*theirs), "ours": prepare(*ours)}, rounds)
        rates = [rate(seconds[name], batch) for name in ("diffusers", "ours")]
        result.append([title, size, str(batch), what, *rates, ratio(seconds["diffusers"], seconds["ours"])])
    return result


def training_step(network, call):
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5, fused=True)

    def step():
        output = call(network)
        F.mse_loss(output, torch.zeros_like(output)).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


@torch.no_grad()
def forward_pass(network, call):
    return torch.no_grad()(lambda: call(network))
