"""Where the network looks: attention weights, read out while it works (Hertz et al. 2022, section 3)."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ldm_tutorial.nn import Attention


class AttentionMap(NamedTuple):
    """The weights of one layer in one call of the network.

    call: 0 for the first; t: the timestep it was told; layer: the attention's name in the network;
    weights: `(B, heads, h, w, M)`, for each place of the feature map its shares in M tokens, which sum to 1.
    """

    call: int
    t: int
    layer: str
    weights: Tensor


class AttentionMaps(list[AttentionMap]):
    """What `attention_maps` has kept, in the order in which the network computed it."""

    @property
    def layers(self) -> list[str]:
        """The names of the layers, as the network goes through them."""
        return list(dict.fromkeys(each.layer for each in self))

    @property
    def timesteps(self) -> list[int]:
        """What the network was told in each call; number k of it is `step=k` for `of`."""
        return list({each.call: each.t for each in self}.values())

    def of(
        self,
        token: int | None = None,
        layer: str | None = None,
        head: int | None = None,
        step: int | None = None,
    ) -> Tensor:
        """How much each place looks at `token`, `(B, h, w)`; without a token at each, `(B, M, h, w)`.

        Averaged over the layers, heads and steps (negative: from the last) that are not chosen, each layer
        enlarged to the finest of them. Raises ValueError for a layer or step that is not there.
        """
        times = self.timesteps
        if step is not None and not -len(times) <= step < len(times):
            raise ValueError(f"step is {step}; {len(times)} calls of the network were recorded")
        if layer is not None and layer not in self.layers:
            raise ValueError(f"layer is {layer!r}; it must be one of {', '.join(self.layers)}")
        calls = range(len(times)) if step is None else [range(len(times))[step]]
        chosen = [each for each in self if each.call in calls and layer in (None, each.layer)]
        size = max(each.weights.shape[2:4] for each in chosen)
        total = sum(enlarged(each.weights, head, size) for each in chosen) / len(chosen)
        return total if token is None else total[:, token]


def enlarged(weights: Tensor, head: int | None, size: tuple[int, int]) -> Tensor:
    """`(B, heads, h, w, M)` -> `(B, M, *size)`: the mean over heads, or one, at another resolution."""
    one = weights.mean(1) if head is None else weights[:, head]
    return F.interpolate(rearrange(one, "b h w m -> b m h w"), size=tuple(size), mode="nearest")


@contextmanager
def attention_maps(
    network: nn.Module, images: int | None = None, kind: Literal["cross", "self"] = "cross"
) -> Iterator[AttentionMaps]:
    """Within this context every attention of `network`, a U-Net, keeps its weights; what it yields fills up.

    kind: the attention to the condition's tokens, or that of the picture's places to each other.
    images: keep the last so many rows of a batch; guidance puts the unconditional ones before them.

        with attention_maps(model.unet, images=1) as maps:
            model.sample(["a person with red hair"])
        maps.of(token=5, step=-1)

    The output stays the same up to rounding. Outside, the network is as it was: nothing is kept or slower.
    """
    maps, now = AttentionMaps(), {"call": -1}

    def begin(_network, args: tuple, kwargs: dict) -> None:
        given = dict(zip(("z", "t"), args, strict=False)) | kwargs
        now.update(call=now["call"] + 1, t=int(given["t"].flatten()[-1]), size=given["z"].shape[2:])

    def keeper(layer: str):
        def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
            scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
            if mask is not None:
                scores = scores.masked_fill(~mask, -torch.inf)
            weights = scores.softmax(dim=-1)
            height, width = now["size"]
            h = math.isqrt(
                weights.shape[2] * height // width
            )  # the map's size: the latent's, some times halved
            kept = weights.detach()[0 if images is None else -images :]
            maps.append(AttentionMap(now["call"], now["t"], layer, kept.unflatten(2, (h, -1))))
            return weights @ v

        return attend

    found = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, Attention) and module.is_cross == (kind == "cross")
    }
    if not found:
        raise ValueError(f"this network has no {kind}-attention to read out")
    hook = network.register_forward_pre_hook(begin, with_kwargs=True)
    try:
        for name, module in found.items():
            module.attend = keeper(name)
        yield maps
    finally:
        hook.remove()
        for module in found.values():
            vars(module).pop("attend", None)
