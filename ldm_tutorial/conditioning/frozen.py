"""Text encoders that were trained elsewhere and stay as they are: no checkpoint holds their weights."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ldm_tutorial.conditioning.condition import Condition


class FrozenTextConditioner(nn.Module):
    """Captions to a `Condition` by a network of the package `transformers`, which a subclass loads.

    `load` returns the tokenizer and the network, at first use. `read` runs the network: tokens (B, M) and the
    mask (B, M) of the real ones -> (B, M, d). Both may be given in advance, for weights of one's own.
    """

    def __init__(self, config, tokenizer=None, network: nn.Module | None = None):
        super().__init__()
        self.config = config
        # in a tuple the network is no submodule, and its weights no part of the model's
        self.tools = None if network is None else (tokenizer, frozen(network))

    def load(self):
        raise NotImplementedError

    def read(self, network: nn.Module, tokens: Tensor, mask: Tensor) -> Tensor:
        return network(input_ids=tokens, attention_mask=mask.long()).last_hidden_state

    def mask_of(self, tokens: Tensor) -> Tensor:
        """Which tokens (B, M) are real."""
        return tokens != self.tokenizer.pad_token_id

    @property
    def tokenizer(self):
        return self.loaded()[0]

    def loaded(self) -> tuple:
        if self.tools is None:
            tokenizer, network = self.load()
            self.tools = tokenizer, frozen(network)
        return self.tools

    @property
    def context_dim(self) -> int:
        return self.config.dim

    @property
    def null_tokens(self) -> Tensor:
        """The tokens (M,) of the empty caption, on the CPU."""
        return self.tokenize([""])[0]

    def unknown_words(self, caption: str) -> list[str]:
        """The words that its vocabulary of pieces can't spell; there are few."""
        unknown, end = self.tokenizer.unk_token_id, self.tokenizer.eos_token_id
        if unknown == end:
            return []
        return [word for word in caption.split() if unknown in self.pieces(word)]

    def pieces(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def spell(self, tokens: Tensor) -> list[str]:
        """The piece of a word of each token (M,), the special ones included."""
        return self.tokenizer.convert_ids_to_tokens(tokens.tolist())

    def tokenize(self, conditions: Sequence[str]) -> Tensor:
        """Captions to int64 tokens (B, length) on the CPU. Warns where a caption is too long and is cut."""
        if isinstance(conditions, str):
            raise TypeError(f"conditions is one string, {conditions!r}; give a list of captions")
        captions = [self.cut(caption) for caption in conditions]
        if not captions:
            return torch.empty(0, self.config.length, dtype=torch.int64)
        rows = self.tokenizer(captions, padding="max_length", max_length=self.config.length)["input_ids"]
        return torch.tensor(rows, dtype=torch.int64)

    def cut(self, caption: str) -> str:
        """The words that fit between the start and the end token; a warning says where it was cut."""
        room, words = self.config.length - 2, caption.split()
        if len(self.pieces(caption)) <= room:
            return caption
        kept = 0
        while len(self.pieces(" ".join(words[: kept + 1]))) <= room:
            kept += 1
        warnings.warn(
            f"caption {caption!r} has {len(words)} words and the encoder reads {room} tokens: "
            f"cut before word {kept + 1}, {words[kept]!r}",
            stacklevel=3,
        )
        return " ".join(words[:kept])

    @torch.no_grad()
    def forward(self, tokens: Tensor) -> Condition:
        """tokens: int64 (B, M)."""
        network, mask = self.loaded()[1].to(tokens.device), self.mask_of(tokens)
        return Condition(self.read(network, tokens, mask), mask)


def frozen(network: nn.Module) -> nn.Module:
    return network.eval().requires_grad_(False)


def transformers(wanted_by: str):
    """The package `transformers`; ModuleNotFoundError, saying how to install it, where it is missing."""
    try:
        import transformers as package
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{wanted_by} needs the package transformers; install it with: pip install 'ldm-tutorial[text]'"
        ) from None
    return package
