"""Blocks that both networks share: residual blocks, attention, resampling, embeddings."""

from ldm_tutorial.nn.attention import Attention, ImageSelfAttention
from ldm_tutorial.nn.checks import check_images, check_values
from ldm_tutorial.nn.embeddings import TimestepMLP, timestep_embedding
from ldm_tutorial.nn.normalization import group_norm, zeroed
from ldm_tutorial.nn.resampling import Downsample, Upsample
from ldm_tutorial.nn.resblock import ResBlock

__all__ = [
    "Attention",
    "Downsample",
    "ImageSelfAttention",
    "ResBlock",
    "TimestepMLP",
    "Upsample",
    "check_images",
    "check_values",
    "group_norm",
    "timestep_embedding",
    "zeroed",
]
