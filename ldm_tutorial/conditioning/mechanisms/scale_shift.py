"""Scale and shift: what the time and the condition say together multiplies and shifts normalised features."""

from torch import Tensor, nn

from ldm_tutorial.conditioning.condition import Condition
from ldm_tutorial.conditioning.mechanisms.forms import Routes, vector_of


class ScaleShift(nn.Module):
    """Adaptive group normalisation, norm(h) (1 + scale) + shift (Dhariwal & Nichol 2021, section 3.1).

    More than a shift: the condition can switch a channel off. It enters with the time, and the U-Net's
    residual blocks make a scale and a shift of both.
    """

    def __init__(self, width: int):
        super().__init__()
        self.needs = {"added_dim": width, "use_scale_shift_norm": True}

    def forward(self, encoded: Condition | Tensor) -> Routes:
        return Routes(added=vector_of(encoded))
