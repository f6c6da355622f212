"""ControlNets of diffusers as ours."""

import torch
from torch import nn

from ldm_tutorial.interop.layers import check_complete, copy, require
from ldm_tutorial.interop.unet import copy_way_down, unet_config_from_diffusers
from ldm_tutorial.unet import ControlConfig, ControlNet


def controlnet_from_diffusers(module: nn.Module) -> ControlNet:
    """Ours from a `ControlNetModel` (those of Stable Diffusion 1.x and 2.x).

    The weights are copied; device, dtype and training mode are the module's. ValueError where a setting has
    no counterpart.
    """
    config = module.config
    require(
        config,
        controlnet_conditioning_channel_order="rgb",
        global_pool_conditions=False,
        addition_embed_type=None,
    )
    # a ControlNet's config has no way up: it is that of the U-Net it was copied from
    up = [name.replace("Down", "Up") for name in reversed(config["down_block_types"])]
    unet_config = unet_config_from_diffusers(
        {**config, "up_block_types": up, "out_channels": config["in_channels"]}
    )
    control = ControlConfig(
        config["conditioning_channels"], tuple(config["conditioning_embedding_out_channels"])
    )
    with torch.device("meta"):
        controlnet = ControlNet(unet_config, control)
    copy_way_down(controlnet, module)
    hint = module.controlnet_cond_embedding
    copy(controlnet.hint.conv_in, hint.conv_in)
    copy(controlnet.hint.conv_out, hint.conv_out)
    for ours, theirs in zip(controlnet.hint.blocks, hint.blocks, strict=True):
        copy(ours, theirs)
    zeros = [*module.controlnet_down_blocks, module.controlnet_mid_block]
    for ours, theirs in zip(controlnet.zeros, zeros, strict=True):
        copy(ours, theirs)
    check_complete(controlnet, module)
    return controlnet.train(module.training)
