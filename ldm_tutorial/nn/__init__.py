"""Blocks that both networks share: residual blocks, attention, resampling, embeddings."""

from ldm_tutorial.nn.attention import Attention, ImageSelfAttention
from ldm_tutorial.nn.checks import check_images, check_values
from ldm_tutorial.nn.convolution import Conv3x3
from ldm_tutorial.nn.embeddings import TimestepMLP, timestep_embedding
from ldm_tutorial.nn.norm_silu import NormSiLU
from ldm_tutorial.nn.normalization import fitting_groups, group_norm, zeroed
from ldm_tutorial.nn.resampling import Downsample, Upsample
from ldm_tutorial.nn.resblock import ResBlock

__all__ = [
    "Attention",
    "Conv3x3",
    "Downsample",
    "ImageSelfAttention",
    "NormSiLU",
    "ResBlock",
    "TimestepMLP",
    "Upsample",
    "check_images",
    "check_values",
    "fitting_groups",
    "group_norm",
    "timestep_embedding",
    "zeroed",
]
