"""VQ autoencoders of diffusers as ours."""

from dataclasses import asdict

import torch
from torch import nn

from ldm_tutorial.first_stage import VQAutoencoder, VQConfig
from ldm_tutorial.interop.kl import copy_layers, kl_config_from_diffusers
from ldm_tutorial.interop.layers import check_complete, copy, require


def vq_from_diffusers(module: nn.Module) -> VQAutoencoder:
    """Ours from a `VQModel` (the first stages of the paper's LSUN, FFHQ and CelebA-HQ models).

    Its `scaling_factor` becomes `latent_std`. The weights are copied; device, dtype and training mode are the
    module's. The loss is the paper's, what diffusers calls `legacy=False`. ValueError where a setting has no
    counterpart.
    """
    with torch.device("meta"):
        vq = VQAutoencoder(vq_config_from_diffusers(module.config))
    vq.codebook.commitment = module.quantize.beta
    for ours, theirs, their_levels in (
        (vq.encoder, module.encoder, module.encoder.down_blocks),
        (vq.decoder, module.decoder, module.decoder.up_blocks),
    ):
        copy(ours.conv_in, theirs.conv_in)
        for level, their_level in zip(ours.levels, their_levels, strict=True):
            copy_layers(level, their_level)
        copy_layers(ours.middle, theirs.mid_block)
        copy(ours.norm_out, theirs.conv_norm_out)
        copy(ours.conv_out, theirs.conv_out)
    copy(vq.quant_conv, module.quant_conv)
    copy(vq.post_quant_conv, module.post_quant_conv)
    copy(vq.codebook, module.quantize.embedding)
    check_complete(vq, module)

    weight = module.quant_conv.weight
    vq.latent_mean = weight.new_zeros(vq.latent_channels)
    vq.latent_std = weight.new_full((vq.latent_channels,), 1 / module.config["scaling_factor"])
    return vq.train(module.training)


def vq_config_from_diffusers(config: dict) -> VQConfig:
    """Our config from that of a `VQModel`; ValueError where they can't agree."""
    require(config, norm_type="group", vq_embed_dim=(None, config["latent_channels"]))
    return VQConfig(**asdict(kl_config_from_diffusers(config)), codes=config["num_vq_embeddings"])
