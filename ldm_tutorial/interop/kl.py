"""KL autoencoders of diffusers as ours."""

import torch
from torch import nn

from ldm_tutorial.first_stage import KLAutoencoder, KLConfig
from ldm_tutorial.interop.layers import (
    channel_mult,
    check_complete,
    copy,
    copy_image_attention,
    copy_res_block,
    levels_with_attention,
    require,
)
from ldm_tutorial.nn import Downsample, ImageSelfAttention, ResBlock, Upsample


def kl_from_diffusers(module: nn.Module) -> KLAutoencoder:
    """Ours from an `AutoencoderKL` (Stable Diffusion 1.x, 2.x and those built alike).

    Its `scaling_factor` and `shift_factor` become `latent_std` and `latent_mean`. The weights are copied;
    device, dtype and training mode are the module's. ValueError where a setting has no counterpart.
    """
    with torch.device("meta"):
        kl = KLAutoencoder(kl_config_from_diffusers(module.config))
    for ours, theirs, their_levels in (
        (kl.encoder, module.encoder, module.encoder.down_blocks),
        (kl.decoder, module.decoder, module.decoder.up_blocks),
    ):
        copy(ours.conv_in, theirs.conv_in)
        for level, their_level in zip(ours.levels, their_levels, strict=True):
            copy_layers(level, their_level)
        copy_layers(ours.middle, theirs.mid_block)
        copy(ours.norm_out, theirs.conv_norm_out)
        copy(ours.conv_out, theirs.conv_out)
    copy(kl.quant_conv, module.quant_conv)
    copy(kl.post_quant_conv, module.post_quant_conv)
    check_complete(kl, module)

    weight = module.quant_conv.weight
    kl.latent_mean = weight.new_full((kl.latent_channels,), module.config.get("shift_factor") or 0.0)
    kl.latent_std = weight.new_full((kl.latent_channels,), 1 / module.config["scaling_factor"])
    return kl.train(module.training)


def kl_config_from_diffusers(config: dict) -> KLConfig:
    """Our config from that of an `AutoencoderKL`; ValueError where they can't agree."""
    require(
        config,
        act_fn=("silu", "swish"),
        out_channels=config["in_channels"],
        use_quant_conv=True,
        use_post_quant_conv=True,
        latents_mean=None,
        latents_std=None,
    )
    plain = ("DownEncoderBlock2D", "UpDecoderBlock2D")
    attending = ("AttnDownEncoderBlock2D", "AttnUpDecoderBlock2D")
    return KLConfig(
        image_channels=config["in_channels"],
        latent_channels=config["latent_channels"],
        channels=config["block_out_channels"][0],
        channel_mult=channel_mult(config["block_out_channels"]),
        res_blocks=config["layers_per_block"],
        attention=tuple(2**level for level in levels_with_attention(config, [plain], attending)),
        mid_attention=config.get("mid_block_add_attention", True),
        norm_groups=config["norm_num_groups"],
    )


def copy_layers(ours: nn.Sequential, theirs: nn.Module) -> None:
    """The layers of one level: ours are a sequence, those of diffusers one list for each kind."""
    resnets, attentions = iter(theirs.resnets), iter(getattr(theirs, "attentions", []))
    for layer in ours:
        if isinstance(layer, ResBlock):
            copy_res_block(layer, next(resnets))
        elif isinstance(layer, ImageSelfAttention):
            copy_image_attention(layer, next(attentions))
        elif isinstance(layer, Downsample):
            copy(layer.conv, theirs.downsamplers[0].conv)
        elif isinstance(layer, Upsample):
            copy(layer.conv, theirs.upsamplers[0].conv)
