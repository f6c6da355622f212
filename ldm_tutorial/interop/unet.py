"""U-Nets of diffusers as ours."""

import torch
from torch import nn

from ldm_tutorial.interop.layers import (
    channel_mult,
    check_complete,
    copy,
    copy_attention,
    copy_image_attention,
    copy_on_tokens,
    copy_res_block,
    levels_with_attention,
    only_value,
    require,
)
from ldm_tutorial.nn import Downsample, ImageSelfAttention, ResBlock, Upsample
from ldm_tutorial.unet import ControlNet, SpatialTransformer, UNet, UNetConfig
from ldm_tutorial.unet.blocks import Block


def unet_from_diffusers(module: nn.Module) -> UNet:
    """Ours from a `UNet2DConditionModel` (Stable Diffusion 1.x, 2.x, inpainting) or a `UNet2DModel`.

    The weights are copied; device, dtype and training mode are the module's. ValueError where a setting has
    no counterpart.
    """
    with torch.device("meta"):
        unet = UNet(unet_config_from_diffusers(module.config))
    copy_way_down(unet, module)
    for ours, theirs in zip(unet.up, module.up_blocks, strict=True):
        copy_blocks(ours.blocks, theirs)
        if ours.resample is not None:
            copy_resampling(ours.resample, theirs.upsamplers[0])
    copy(unet.norm_out, module.conv_norm_out)
    copy(unet.conv_out, module.conv_out)
    check_complete(unet, module)
    return unet.train(module.training)


def copy_way_down(ours: UNet | ControlNet, theirs: nn.Module) -> None:
    """The encoder half and the middle."""
    copy(ours.time.linear1, theirs.time_embedding.linear_1)
    copy(ours.time.linear2, theirs.time_embedding.linear_2)
    if ours.added is not None:
        copy(ours.added, theirs.class_embedding)
    copy(ours.conv_in, theirs.conv_in)
    for level, their_level in zip(ours.down, theirs.down_blocks, strict=True):
        copy_blocks(level.blocks, their_level)
        if level.resample is not None:
            copy_resampling(level.resample, their_level.downsamplers[0])
    copy_blocks(ours.middle, theirs.mid_block)


def unet_config_from_diffusers(config: dict) -> UNetConfig:
    """Our config from that of a `UNet2DConditionModel` or a `UNet2DModel`; ValueError where there is none."""
    has_context = "cross_attention_dim" in config
    scale_shift = config.get("resnet_time_scale_shift") == "scale_shift"
    # with scale_shift and no context, diffusers leaves out the norm of the middle's attention unless told so
    middle_groups = config["norm_num_groups"] if scale_shift and not has_context else None
    require(
        config,
        act_fn=("silu", "swish"),
        flip_sin_to_cos=True,
        freq_shift=0,
        center_input_sample=False,
        time_embedding_type="positional",
        time_embedding_dim=None,
        time_embedding_act_fn=None,
        timestep_post_act=None,
        time_cond_proj_dim=None,
        resnet_time_scale_shift=("default", "scale_shift"),
        resnet_skip_time_act=False,
        resnet_out_scale_factor=1.0,
        downsample_type=("conv", "resnet"),
        upsample_type=("conv", "resnet"),
        downsample_padding=1,
        mid_block_scale_factor=1,
        mid_block_type="UNetMidBlock2DCrossAttn" if has_context else "UNetMidBlock2D",
        norm_eps=1e-5,
        attn_norm_num_groups=middle_groups,
        add_attention=True,
        dual_cross_attention=False,
        only_cross_attention=False,
        cross_attention_norm=None,
        attention_type="default",
        conv_in_kernel=3,
        conv_out_kernel=3,
        reverse_transformer_layers_per_block=None,
    )
    attending = "CrossAttn{}Block2D" if has_context else "Attn{}Block2D"
    levels = levels_with_attention(
        config,
        [("DownBlock2D", "UpBlock2D"), ("ResnetDownsampleBlock2D", "ResnetUpsampleBlock2D")],
        (attending.format("Down"), attending.format("Up")),
    )
    if has_context:
        # what these configs call `attention_head_dim` is the number of heads: 8 in SD 1, (5, 10, 20, 20) in 2
        heads = config.get("num_attention_heads") or config["attention_head_dim"]
        head_options = {"heads": heads if isinstance(heads, int) else tuple(heads), "head_channels": None}
        head_options["context_dim"] = only_value(config, "cross_attention_dim")
        head_options["transformer_depth"] = only_value(config, "transformer_layers_per_block")
    elif config["attention_head_dim"] is None:
        head_options = {"heads": 1, "head_channels": None}
    else:
        head_options = {"head_channels": config["attention_head_dim"]}
    has_vector = config.get("class_embed_type") == "simple_projection"
    return UNetConfig(
        in_channels=config["in_channels"],
        out_channels=config["out_channels"],
        channels=config["block_out_channels"][0],
        channel_mult=channel_mult(config["block_out_channels"]),
        res_blocks=only_value(config, "layers_per_block"),
        attention=tuple(2**level for level in levels),
        dropout=config.get("dropout", 0.0),
        norm_groups=config["norm_num_groups"],
        use_scale_shift_norm=scale_shift,
        resblock_updown=resamples_in_blocks(config),
        added_dim=config["projection_class_embeddings_input_dim"] if has_vector else None,
        **head_options,
    )


def resamples_in_blocks(config: dict) -> bool:
    """Whether the resolution changes inside residual blocks; ValueError where that differs between levels."""
    down, up = config["down_block_types"][:-1], config["up_block_types"][:-1]  # the last ones change nothing
    found = set()
    for blocks, setting in ((down, config.get("downsample_type")), (up, config.get("upsample_type"))):
        for kind in blocks:
            by_setting = kind.startswith("Attn") and setting == "resnet"
            found.add(by_setting or kind.startswith("Resnet"))
    if len(found) > 1:
        raise ValueError(
            f"blocks {tuple(down)} and {tuple(up)} change the resolution in residual blocks at some levels "
            "and by a convolution at others; this network has one way for all of them"
        )
    return found == {True}


def copy_resampling(ours: Downsample | Upsample | ResBlock, theirs: nn.Module) -> None:
    if isinstance(ours, ResBlock):
        copy_res_block(ours, theirs)
    else:
        copy(ours.conv, theirs.conv)


def copy_blocks(ours: list[Block], theirs: nn.Module) -> None:
    """The residual blocks of one level and their attention, which diffusers keeps in two lists."""
    attentions = iter(getattr(theirs, "attentions", []))
    for block, res_block in zip(ours, theirs.resnets, strict=True):
        copy_res_block(block.res, res_block)
        if isinstance(block.attention, SpatialTransformer):
            copy_transformer(block.attention, next(attentions))
        elif isinstance(block.attention, ImageSelfAttention):
            copy_image_attention(block.attention, next(attentions))


def copy_transformer(ours: SpatialTransformer, theirs: nn.Module) -> None:
    copy(ours.norm, theirs.norm)
    copy_on_tokens(ours.proj_in, theirs.proj_in)
    for block, their_block in zip(ours.blocks, theirs.transformer_blocks, strict=True):
        copy(block.norm1, their_block.norm1)
        copy_attention(block.self_attention, their_block.attn1)
        copy(block.norm2, their_block.norm2)
        copy_attention(block.cross_attention, their_block.attn2)
        copy(block.norm3, their_block.norm3)
        copy(block.feed_forward.proj_in, their_block.ff.net[0].proj)
        copy(block.feed_forward.proj_out, their_block.ff.net[2])
    copy_on_tokens(ours.proj_out, theirs.proj_out)
