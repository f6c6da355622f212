"""The forms a condition can have on its way: a sequence of tokens, a picture, a vector."""

from typing import NamedTuple

from torch import Tensor

from ldm_tutorial.conditioning.condition import Condition


class Routes(NamedTuple):
    """What reaches the U-Net by each of its entrances; None where nothing does.

    context (B, M, d) and mask (B, M): cross-attention; added (B, a): the time's vector;
    channels (B, C, H, W): beside the latent; hint (B, C, H, W): the ControlNet.
    """

    context: Tensor | None = None
    mask: Tensor | None = None
    added: Tensor | None = None
    channels: Tensor | None = None
    hint: Tensor | None = None


def vector_of(encoded: Condition | Tensor) -> Tensor:
    """The mean over the real tokens of a sequence, or over the places of a picture: (B, d)."""
    if isinstance(encoded, Tensor):
        return encoded.mean((2, 3))
    real = encoded.mask.unsqueeze(-1).to(encoded.context.dtype)
    return (encoded.context * real).sum(1) / real.sum(1)


def picture_of(encoded: Condition | Tensor) -> Tensor:
    """A picture as it is, (B, C, H, W); of a sequence its vector, to be repeated everywhere, (B, d, 1, 1)."""
    return encoded if isinstance(encoded, Tensor) else vector_of(encoded)[:, :, None, None]
