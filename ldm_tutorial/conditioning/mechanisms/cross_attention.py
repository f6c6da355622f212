"""Cross-attention: every place of the picture looks up what it needs among the condition's tokens."""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ldm_tutorial.conditioning.condition import Condition
from ldm_tutorial.conditioning.mechanisms.forms import Routes
from ldm_tutorial.nn import timestep_embedding


class CrossAttention(nn.Module):
    """For sequences: captions, attributes, layouts (Rombach et al. 2022, section 3.3). The one for all forms.

    A picture becomes one token for each of its places, which carries where it is. A linear layer brings
    tokens of another width to that of the U-Net's context.
    """

    def __init__(self, width: int, context_dim: int):
        super().__init__()
        self.needs = {"context_dim": context_dim}
        self.proj = nn.Identity() if width == context_dim else nn.Linear(width, context_dim)

    def forward(self, encoded: Condition | Tensor) -> Routes:
        if isinstance(encoded, Condition):
            return Routes(context=self.proj(encoded.context), mask=encoded.mask)
        context = self.proj(rearrange(encoded, "b c h w -> b (h w) c"))
        context = context + positions(*encoded.shape[2:], context.shape[-1], encoded.device)
        return Routes(
            context=context, mask=torch.ones(context.shape[:2], dtype=torch.bool, device=context.device)
        )


def positions(height: int, width: int, dim: int, device: torch.device) -> Tensor:
    """Sinusoids of the row, then of the column, of each place, then zeros: (height width, dim)."""
    rows, columns = (
        timestep_embedding(torch.arange(side, device=device), dim // 4 * 2) for side in (height, width)
    )
    both = torch.cat([rows.repeat_interleave(width, 0), columns.repeat(height, 1)], dim=1)
    return F.pad(both, (0, dim % 4))
