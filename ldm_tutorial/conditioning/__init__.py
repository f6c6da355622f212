"""What the user asks for: captions, attributes, and forgetting them in training."""

from ldm_tutorial.conditioning.attributes import AttributeConditioner, AttributeConfig, hide_attributes
from ldm_tutorial.conditioning.captions import (
    SPECIAL_WORDS,
    CaptionConditioner,
    CaptionConfig,
    build_vocabulary,
    split_words,
)
from ldm_tutorial.conditioning.condition import Condition, Conditioner
from ldm_tutorial.conditioning.dropout import ConditionDropout, drop_conditions

__all__ = [
    "SPECIAL_WORDS",
    "AttributeConditioner",
    "AttributeConfig",
    "CaptionConditioner",
    "CaptionConfig",
    "Condition",
    "ConditionDropout",
    "Conditioner",
    "build_vocabulary",
    "drop_conditions",
    "hide_attributes",
    "split_words",
]
