"""The five ways of a condition to the U-Net. Each says in `needs` what the U-Net must have for it."""

from ldm_tutorial.conditioning.mechanisms.class_shift import ClassShift
from ldm_tutorial.conditioning.mechanisms.concatenation import Concatenation, at_size
from ldm_tutorial.conditioning.mechanisms.controlnet import ControlHint
from ldm_tutorial.conditioning.mechanisms.cross_attention import CrossAttention
from ldm_tutorial.conditioning.mechanisms.forms import Routes, picture_of, vector_of
from ldm_tutorial.conditioning.mechanisms.scale_shift import ScaleShift

__all__ = [
    "ClassShift",
    "Concatenation",
    "ControlHint",
    "CrossAttention",
    "Routes",
    "ScaleShift",
    "at_size",
    "picture_of",
    "vector_of",
]
