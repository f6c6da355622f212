"""The U-Net of Stable Diffusion 1.5: its shape, and the parameter counts of the released one (lesson 05)."""

import ast

import torch
from torch import nn

from ldm_tutorial.classroom.source import ROOT, Source
from ldm_tutorial.unet import UNet, UNetConfig

STABLE_DIFFUSION = UNetConfig(
    in_channels=4,
    out_channels=4,
    channels=320,
    channel_mult=(1, 2, 4, 4),
    res_blocks=2,
    attention=(1, 2, 4),
    heads=8,
    context_dim=768,
)

# Counted in diffusers' model of the released config (the tests count again).
RELEASED = {
    "time": 2_050_560,
    "conv_in": 11_840,
    "down 0": 10_524_480,
    "down 1": 36_818_560,
    "down 2": 139_992_320,
    "down 3": 62_277_120,
    "middle": 97_038_080,
    "up 0": 162_241_280,
    "up 1": 258_330_880,
    "up 2": 71_413_120,
    "up 3": 18_810_560,
    "out": 12_164,
}


def parameters_by_place() -> dict[str, int]:
    """The parameters of our U-Net of that shape, place by place; on the meta device, without memory."""
    with torch.device("meta"):
        unet = UNet(STABLE_DIFFUSION)
    parts = {"time": [unet.time], "conv_in": [unet.conv_in]}
    parts |= {f"down {level}": [module] for level, module in enumerate(unet.down)}
    parts |= {"middle": [unet.middle]}
    parts |= {f"up {level}": [module] for level, module in enumerate(unet.up)}
    parts |= {"out": [unet.norm_out, unet.conv_out]}
    return {place: sum(map(count, modules)) for place, modules in parts.items()}


def count(module: nn.Module) -> int:
    """How many parameters a module has."""
    return sum(p.numel() for p in module.parameters())


def proof() -> Source:
    """The test that copies the weights of the full-size network from diffusers and compares the outputs."""
    path = ROOT / "tests" / "interop" / "test_stable_diffusion_unets.py"
    text = path.read_text(encoding="utf-8")
    test = next(
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name == "test_full_size"
    )
    first, last = test.decorator_list[0].lineno, test.end_lineno
    place = f"{path.relative_to(ROOT).as_posix()}, lines {first}-{last}"
    return Source(place, "\n".join(text.splitlines()[first - 1 : last]) + "\n")
