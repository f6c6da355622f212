"""Weights from other libraries."""

from ldm_tutorial.interop.controlnet import controlnet_from_diffusers
from ldm_tutorial.interop.kl import kl_config_from_diffusers, kl_from_diffusers
from ldm_tutorial.interop.unet import unet_config_from_diffusers, unet_from_diffusers
from ldm_tutorial.interop.vq import vq_config_from_diffusers, vq_from_diffusers

__all__ = [
    "controlnet_from_diffusers",
    "kl_config_from_diffusers",
    "kl_from_diffusers",
    "unet_config_from_diffusers",
    "unet_from_diffusers",
    "vq_config_from_diffusers",
    "vq_from_diffusers",
]
