"""The denoising network."""

from ldm_tutorial.unet.attention_maps import AttentionMap, AttentionMaps, attention_maps
from ldm_tutorial.unet.config import UNetConfig
from ldm_tutorial.unet.transformer import FeedForward, SpatialTransformer, TransformerBlock
from ldm_tutorial.unet.unet import UNet

__all__ = [
    "AttentionMap",
    "AttentionMaps",
    "FeedForward",
    "SpatialTransformer",
    "TransformerBlock",
    "UNet",
    "UNetConfig",
    "attention_maps",
]
