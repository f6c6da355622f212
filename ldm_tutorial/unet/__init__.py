"""The denoising network."""

from ldm_tutorial.unet.config import UNetConfig
from ldm_tutorial.unet.transformer import FeedForward, SpatialTransformer, TransformerBlock
from ldm_tutorial.unet.unet import UNet

__all__ = ["FeedForward", "SpatialTransformer", "TransformerBlock", "UNet", "UNetConfig"]
