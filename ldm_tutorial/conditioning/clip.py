"""CLIP's text encoder, which Stable Diffusion 1 reads its prompts with (Radford et al. 2021)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ldm_tutorial.conditioning.frozen import FrozenTextConditioner, transformers


@dataclass(frozen=True)
class ClipConfig:
    """`weights`: a folder with the model and its tokenizer, or their name on the Hugging Face hub."""

    weights: str = "openai/clip-vit-large-patch14"
    length: int = 77
    dim: int = 768


class ClipConditioner(FrozenTextConditioner):
    """Captions to (B, 77, 768), the last hidden states; real are the tokens up to the first end token.

    CLIP pads with end tokens. It reads from left to right, so that they change nothing before them.
    """

    def load(self):
        package = transformers("ClipConditioner")
        tokenizer = package.CLIPTokenizer.from_pretrained(self.config.weights)
        return tokenizer, package.CLIPTextModel.from_pretrained(self.config.weights)

    def read(self, network: nn.Module, tokens: Tensor, _mask: Tensor) -> Tensor:
        return network(input_ids=tokens).last_hidden_state

    def mask_of(self, tokens: Tensor) -> Tensor:
        ends = (tokens == self.tokenizer.eos_token_id).long()
        return torch.cumsum(ends, dim=1) - ends == 0
