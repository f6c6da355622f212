"""The U-Nets of Stable Diffusion 1.5 and 2.1 at full size: the same weights, the same output.

About 4 GB and ten seconds each: ours shares its weights with theirs, and the latents are 16x16.
"""

import pytest
import torch

from ldm_tutorial.interop import layers, unet_from_diffusers

diffusers = pytest.importorskip("diffusers")

CONFIGS = {  # what unet/config.json of the released pipelines says; the rest are diffusers' defaults
    "1.5": {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8},
    "2.1": {
        "sample_size": 96,
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    },
}
PARAMETERS = {"1.5": 859_520_964, "2.1": 865_910_724}


def without_initialisation(config):
    """Their U-Net with weights of about the size that keeps what flows through it near 1."""
    with torch.device("meta"):
        unet = diffusers.UNet2DConditionModel(**config)
    unet.to_empty(device="cpu").eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for name, parameter in unet.named_parameters():
        bound = (3 / parameter[0].numel()) ** 0.5 if parameter.ndim > 1 else 0.1
        parameter.uniform_(-bound, bound, generator=generator)
        if parameter.ndim == 1 and "norm" in name and name.endswith("weight"):
            parameter += 1
    return unet


@pytest.mark.slow
@pytest.mark.parametrize("version", CONFIGS)
@torch.no_grad()
def test_full_size(version, monkeypatch):
    def share(ours, weights):
        ours.load_state_dict(weights, assign=True)

    monkeypatch.setattr(layers, "load", share)
    theirs = without_initialisation(CONFIGS[version])
    ours = unet_from_diffusers(theirs)
    assert sum(p.numel() for p in ours.parameters()) == PARAMETERS[version]
    z, t = torch.randn(1, 4, 16, 16), torch.tensor([601])
    context = torch.randn(1, 77, CONFIGS[version]["cross_attention_dim"])
    expected = theirs(z, t, context).sample
    out = ours(z, t, context)
    assert expected.std() > 0.01, "the comparison should not be one of zeros"
    error = ((out - expected).abs().max() / expected.abs().max()).item()
    assert error < 1e-4, f"outputs should agree to float32 rounding, differ by {error:.1e} relative"
