"""Everything that can read one condition, by its config."""

from torch import nn

from ldm_tutorial.conditioning.attributes import AttributeConditioner, AttributeConfig
from ldm_tutorial.conditioning.bert import BertConditioner, BertConfig, MiniLMConditioner, MiniLMConfig
from ldm_tutorial.conditioning.captions import CaptionConditioner, CaptionConfig
from ldm_tutorial.conditioning.clip import ClipConditioner, ClipConfig
from ldm_tutorial.conditioning.images import ImageConditioner, ImageConfig
from ldm_tutorial.conditioning.labels import LabelConditioner, LabelConfig
from ldm_tutorial.conditioning.layouts import LayoutConditioner, LayoutConfig
from ldm_tutorial.conditioning.maps import MapConditioner, MapConfig

ENCODERS = {
    AttributeConfig: AttributeConditioner,
    BertConfig: BertConditioner,
    CaptionConfig: CaptionConditioner,
    ClipConfig: ClipConditioner,
    ImageConfig: ImageConditioner,
    LabelConfig: LabelConditioner,
    LayoutConfig: LayoutConditioner,
    MapConfig: MapConditioner,
    MiniLMConfig: MiniLMConditioner,
}
EncoderConfig = (
    AttributeConfig
    | BertConfig
    | CaptionConfig
    | ClipConfig
    | ImageConfig
    | LabelConfig
    | LayoutConfig
    | MapConfig
    | MiniLMConfig
)


def build_encoder(config: EncoderConfig) -> nn.Module:
    """The conditioner that a config describes, with random weights (or, of a frozen one, its own)."""
    return ENCODERS[type(config)](config)
