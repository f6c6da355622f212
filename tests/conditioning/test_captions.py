"""The tokenizer and the caption encoder."""

import dataclasses
import json

import pytest
import torch

from ldm_tutorial.conditioning import (
    SPECIAL_WORDS,
    CaptionConditioner,
    CaptionConfig,
    build_vocabulary,
    split_words,
)

CAPTIONS = ["A person with red hair, smiling.", "a person who doesn't smile", "Red background; glasses!"]


def conditioner(**changes) -> CaptionConditioner:
    torch.manual_seed(0)
    settings = {
        "vocabulary": build_vocabulary(CAPTIONS),
        "length": 12,
        "dim": 32,
        "depth": 2,
        "heads": 4,
    } | changes
    return CaptionConditioner(CaptionConfig(**settings))


def test_words_are_lower_case_and_punctuation_is_split_off():
    assert split_words("  A dark-skinned man, who doesn't smile...") == [
        *["a", "dark", "-", "skinned", "man", ",", "who", "doesn't", "smile", ".", ".", "."]
    ]


def test_vocabulary_is_sorted_after_the_special_words_and_does_not_depend_on_the_order_of_captions():
    vocabulary = build_vocabulary(CAPTIONS)
    assert vocabulary[:4] == SPECIAL_WORDS
    assert list(vocabulary[4:]) == sorted({word for caption in CAPTIONS for word in split_words(caption)})
    assert vocabulary == build_vocabulary(reversed(CAPTIONS))


def test_vocabulary_leaves_rare_words_out():
    assert build_vocabulary(CAPTIONS, min_count=2) == (*SPECIAL_WORDS, "a", "person", "red")


def test_tokens_are_start_words_end_padding():
    model = conditioner()
    tokens = model.tokenize(["Red glasses", ""])
    words = [[model.config.vocabulary[token] for token in row] for row in tokens]
    assert words[0] == ["<start>", "red", "glasses", "<end>"] + ["<pad>"] * 8
    assert words[1] == ["<start>", "<end>"] + ["<pad>"] * 10
    assert tokens.dtype == torch.int64 and tokens.device.type == "cpu"
    assert model.tokenize([]).shape == (0, 12)


def test_tokens_can_be_spelled():
    model = conditioner(length=7)
    assert model.spell(model.tokenize(["Red zebra!"])[0]) == [
        *["<start>", "red", "<unk>", "!", "<end>", "<pad>", "<pad>"]
    ]


def test_a_special_word_cannot_be_typed():
    assert conditioner().tokenize(["<pad> red"])[0, 1] != 0, "'<pad>' in a caption must not become padding"


def test_unknown_words_are_named_and_share_one_token():
    model = conditioner()
    assert model.unknown_words("Red spaceship with a hat") == ["spaceship", "hat"]
    tokens = model.tokenize(["red spaceship", "red hat"])
    assert tokens[0].equal(tokens[1]) and model.config.vocabulary[tokens[0, 2]] == "<unk>"


def test_a_caption_that_is_too_long_is_cut_with_a_warning_that_says_where():
    model = conditioner(length=5)
    with pytest.warns(UserWarning, match="has 5 words and the encoder reads 3: cut before word 4, 'glasses'"):
        cut = model.tokenize(["a person with glasses smiling"])
    assert cut.equal(model.tokenize(["a person with"])), "what is left must end like any other caption"


def test_one_string_is_not_a_list_of_captions():
    with pytest.raises(TypeError, match="give a list of captions"):
        conditioner().tokenize("red")


def test_padding_never_changes_the_real_tokens():
    model = conditioner().eval()
    tokens = model.tokenize(["red glasses"])
    padded, bare = model(tokens), model(tokens[:, :4])
    assert padded.mask.sum() == 4 and bare.mask.all()
    torch.testing.assert_close(padded.context[:, :4], bare.context, rtol=0, atol=1e-6)
    with torch.no_grad():
        model.words.weight[0] = 100.0
    torch.testing.assert_close(model(tokens).context[:, :4], bare.context, rtol=0, atol=1e-6)


def test_captions_do_not_depend_on_their_batch_mates():
    model = conditioner().eval()
    tokens = model.tokenize(["red glasses", "a person who doesn't smile", ""])
    alone = torch.cat([model(row[None]).context for row in tokens])
    torch.testing.assert_close(model(tokens).context, alone, rtol=0, atol=1e-6)


def test_the_encoder_agrees_with_torch():
    ours = conditioner().eval()
    tokens = ours.tokenize(CAPTIONS)
    condition = ours(tokens)
    x = ours.words(tokens)
    for block in ours.blocks:
        layer = torch.nn.TransformerEncoderLayer(32, 4, 128, 0.0, "gelu", batch_first=True, norm_first=True)
        layer.self_attn.in_proj_weight, layer.self_attn.in_proj_bias = block.qkv.weight, block.qkv.bias
        layer.self_attn.out_proj, layer.norm1, layer.norm2 = block.out, block.norm1, block.norm2
        layer.linear1, layer.linear2 = block.mlp[0], block.mlp[2]
        bias = block.bias(12).repeat(len(tokens), 1, 1)
        padding = torch.zeros(tokens.shape).masked_fill(~condition.mask, -torch.inf)
        x = layer.eval()(x, src_mask=bias, src_key_padding_mask=padding)
    torch.testing.assert_close(
        condition.context[condition.mask], ours.norm(x)[condition.mask], rtol=1e-5, atol=1e-5
    )


def test_attention_knows_distances_and_starts_with_the_neighbours():
    bias = conditioner().blocks[0].bias
    at_five, at_three = bias(6), bias(4)
    assert at_five[:, 2:, 2:].equal(at_three), "the bias must depend on the distance alone, not on the place"
    torch.testing.assert_close(at_five[:, 0, 3], torch.tensor([-3.0, -1.5, -0.75, -0.375]))
    bias.bias.data[:, bias.length] = 7.0
    assert (bias(4)[:, 0, 1] == 7).all() and (bias(4)[:, 1, 0] < 0).all(), "left and right must differ"


def test_words_start_as_loud_as_what_the_blocks_add():
    model = conditioner()
    tokens = model.tokenize(CAPTIONS)
    words, mask = model.words(tokens), tokens != 0
    added = words
    for block in model.blocks:
        added = block(added, mask)
    assert words[mask].std() > 2 * (added - words)[mask].std(), "the words drown in the blocks' output"


def test_the_order_of_words_matters():
    model = conditioner()
    first, second = model(model.tokenize(["red person glasses", "glasses person red"])).context[:, 4]
    assert not torch.allclose(first, second)


def test_the_null_condition_is_the_empty_caption_and_is_learned():
    model = conditioner()
    assert model.null_tokens.equal(model.tokenize([""])[0])
    context, mask = model(model.null_tokens[None])
    assert mask.sum() == 2, "the empty caption must leave something to attend to"
    context[mask].square().sum().backward()  # LayerNorm makes the plain sum constant
    _, start, end = model.words.weight.grad[[0, 2, 3]]
    assert start.abs().max() > 0 and end.abs().max() > 0, "no gradient reaches the null condition"
    assert model.words.weight.grad[4:].abs().max() == 0


def test_every_parameter_gets_a_gradient():
    model = conditioner()
    context, mask = model(model.tokenize(CAPTIONS))
    (context[mask] * torch.randn(context[mask].shape)).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, f"{name} is not trained"


def test_the_config_survives_json_and_the_weights_are_a_pure_function_of_the_seed():
    first, second = conditioner(), conditioner()
    assert CaptionConfig(**json.loads(json.dumps(dataclasses.asdict(first.config)))) == first.config
    assert all(
        a.equal(b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocabulary": ("red",)}, "must start with"),
        ({"vocabulary": (*SPECIAL_WORDS, "red", "red")}, "'red' more than once"),
        ({"length": 2}, "length is 2"),
        ({"heads": 5}, "dim 32 is not a multiple of heads 5"),
    ],
)
def test_impossible_configs_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        conditioner(**changes)
