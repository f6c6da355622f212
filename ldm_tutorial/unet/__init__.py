"""The denoising network."""

from ldm_tutorial.unet.attention_maps import AttentionMap, AttentionMaps, attention_maps
from ldm_tutorial.unet.config import UNetConfig
from ldm_tutorial.unet.controlnet import ControlConfig, ControlNet
from ldm_tutorial.unet.counts import BlockCount, count_blocks
from ldm_tutorial.unet.memory import TrainingMemory, training_memory
from ldm_tutorial.unet.transformer import FeedForward, SpatialTransformer, TransformerBlock
from ldm_tutorial.unet.unet import UNet

__all__ = [
    "AttentionMap",
    "AttentionMaps",
    "BlockCount",
    "ControlConfig",
    "ControlNet",
    "FeedForward",
    "SpatialTransformer",
    "TrainingMemory",
    "TransformerBlock",
    "UNet",
    "UNetConfig",
    "attention_maps",
    "count_blocks",
    "training_memory",
]
