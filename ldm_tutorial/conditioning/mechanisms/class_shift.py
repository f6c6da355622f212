"""Class-embedding shift: the condition's vector is added to the time's, which every residual block adds."""

from torch import Tensor, nn

from ldm_tutorial.conditioning.condition import Condition
from ldm_tutorial.conditioning.mechanisms.forms import Routes, vector_of


class ClassShift(nn.Module):
    """For what one vector can say, like a class: it shifts whole feature maps, the same at every place.

    The first class-conditional DDPMs were made so (Nichol & Dhariwal 2021, appendix A).
    """

    def __init__(self, width: int):
        super().__init__()
        self.needs = {"added_dim": width}

    def forward(self, encoded: Condition | Tensor) -> Routes:
        return Routes(added=vector_of(encoded))
