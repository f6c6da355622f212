"""What a model looked at while it drew: recorded once, so that a reader can ask again and again."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from ldm_tutorial.classroom.style import COLOURS
from ldm_tutorial.latent_diffusion import LatentDiffusion
from ldm_tutorial.unet import attention_maps
from ldm_tutorial.unet.attention_maps import AttentionMaps

HEAT = tuple(int(COLOURS["vermillion"][i : i + 2], 16) / 127.5 - 1 for i in (1, 3, 5))


@dataclass(frozen=True)
class Record:
    """words: what its tokens stand for; seen: (S, 3, H, W), the picture that the network saw in each of its
    S calls; drawn: (3, H, W), the result; maps: every weight of every attention in every call, of one image.
    """

    words: list[str]
    seen: Tensor
    drawn: Tensor
    maps: AttentionMaps

    @property
    def last_layer(self) -> str:
        """The attention nearest to the output, and so nearest to the pixels."""
        return self.maps.layers[-1]

    def where(
        self,
        word: str | int,
        step: int | None = None,
        layer: str | None = "last",
        head: int | None = None,
    ) -> Tensor:
        """How much each place looks at a word, by the word (its first place) or its number: (h, w).

        step: 1 for the first of the calls; None averages over all, as it does for layer and head.
        """
        number = word if isinstance(word, int) else self.place(word)
        layer = self.last_layer if layer == "last" else layer
        return self.maps.of(number, layer, head, None if step is None else step - 1)[0]

    def place(self, word: str) -> int:
        """The number of a word's first token. ValueError where the caption doesn't have it."""
        if word not in self.words:
            raise ValueError(f"{word!r} is not among the words {self.words}")
        return self.words.index(word)


@torch.no_grad()
def record(model: LatentDiffusion, wish, words: Sequence[str] | None = None, **options) -> Record:
    """Draw one wish, keeping everything; options as for `LatentDiffusion.stream`.

    words: what the tokens stand for; None asks the conditioner to spell them and leaves the padding out.
    """
    if words is None:
        spelled = model.conditioner.spell(model.conditioner.tokenize([wish])[0])
        words = [word for word in spelled if word != "<pad>"]
    with attention_maps(model.unet, images=1) as maps:
        states = list(model.stream([wish], **options))
    seen = model.decode(torch.cat([state.x0 for state in states])).cpu()
    for i, each in enumerate(maps):
        maps[i] = each._replace(weights=each.weights[..., : len(words)].cpu())
    return Record(list(words), seen, model.decode(states[-1].z)[0].cpu(), maps)


def framed(image: Tensor, row: int, column: int, places: int) -> Tensor:
    """An image (3, H, W) with a black frame around one of its places x places squares."""
    side = image.shape[-1] // places
    top, left = row * side, column * side
    framed = image.clone()
    framed[:, top : top + side, left : left + side] = -1
    inside = slice(top + 1, top + side - 1), slice(left + 1, left + side - 1)
    framed[:, *inside] = image[:, *inside]
    return framed


def heated(image: Tensor, where: Tensor, most: float | None = None) -> Tensor:
    """An image (3, H, W) in pale grey, orange where a map (h, w) is large; `most` is full orange.

    The map is smoothed to the image's size; without `most` its own largest value is full orange.
    """
    share = F.interpolate(where[None, None], size=image.shape[-2:], mode="bilinear")[0]  # (1, H, W)
    share = (share / (where.max() if most is None else most)).clamp(0, 1)
    grey = 0.22 * image.mean(0, keepdim=True) + 0.74
    return grey + (torch.tensor(HEAT).view(3, 1, 1) - grey) * 0.85 * share
