"""What the user asks for, captions, labels, maps and more, and forgetting it in training."""

from ldm_tutorial.conditioning.attributes import AttributeConditioner, AttributeConfig, hide_attributes
from ldm_tutorial.conditioning.bert import BertConditioner, BertConfig, MiniLMConditioner, MiniLMConfig
from ldm_tutorial.conditioning.captions import (
    SPECIAL_WORDS,
    CaptionConditioner,
    CaptionConfig,
    build_vocabulary,
    split_words,
)
from ldm_tutorial.conditioning.clip import ClipConditioner, ClipConfig
from ldm_tutorial.conditioning.composed import ComposedConditioner, ComposedConfig, Mechanism, PartConfig
from ldm_tutorial.conditioning.condition import Condition, Conditioner
from ldm_tutorial.conditioning.dropout import ConditionDropout, drop_conditions
from ldm_tutorial.conditioning.encoders import ENCODERS, EncoderConfig, build_encoder
from ldm_tutorial.conditioning.frozen import FrozenTextConditioner
from ldm_tutorial.conditioning.images import ImageConditioner, ImageConfig, edges_of, lowered
from ldm_tutorial.conditioning.labels import LabelConditioner, LabelConfig
from ldm_tutorial.conditioning.layouts import LayoutConditioner, LayoutConfig, boxes_of
from ldm_tutorial.conditioning.maps import MapConditioner, MapConfig
from ldm_tutorial.conditioning.mechanisms import Routes, at_size
from ldm_tutorial.conditioning.tokens import Tokens, each_part, emptied, replaced

__all__ = [
    "ENCODERS",
    "SPECIAL_WORDS",
    "AttributeConditioner",
    "AttributeConfig",
    "BertConditioner",
    "BertConfig",
    "CaptionConditioner",
    "CaptionConfig",
    "ClipConditioner",
    "ClipConfig",
    "ComposedConditioner",
    "ComposedConfig",
    "Condition",
    "ConditionDropout",
    "Conditioner",
    "EncoderConfig",
    "FrozenTextConditioner",
    "ImageConditioner",
    "ImageConfig",
    "LabelConditioner",
    "LabelConfig",
    "LayoutConditioner",
    "LayoutConfig",
    "MapConditioner",
    "MapConfig",
    "Mechanism",
    "MiniLMConditioner",
    "MiniLMConfig",
    "PartConfig",
    "Routes",
    "Tokens",
    "at_size",
    "boxes_of",
    "build_encoder",
    "build_vocabulary",
    "drop_conditions",
    "each_part",
    "edges_of",
    "emptied",
    "hide_attributes",
    "lowered",
    "replaced",
    "split_words",
]
