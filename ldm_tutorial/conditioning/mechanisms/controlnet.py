"""ControlNet: the condition goes to a copy of the encoder half, which steers a frozen U-Net."""

from torch import Tensor, nn

from ldm_tutorial.conditioning.condition import Condition
from ldm_tutorial.conditioning.mechanisms.forms import Routes, picture_of


class ControlHint(nn.Module):
    """For a trained model and a condition that has places: edges, maps, poses (Zhang et al. 2023).

    The networks are in unet/controlnet.py. A sequence, having no places, is spread over all of them.
    """

    def __init__(self, width: int):
        super().__init__()
        self.needs = {"hint_channels": width}

    def forward(self, encoded: Condition | Tensor) -> Routes:
        return Routes(hint=picture_of(encoded))
