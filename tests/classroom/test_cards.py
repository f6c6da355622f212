import pytest

from ldm_tutorial.classroom import show_card


@pytest.fixture
def folder(tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).touch()
    return tmp_path


def test_a_card_is_quoted(folder):
    (folder / "README.md").write_text("# my-model\n\n| a | b |\n|---|---|\n", encoding="utf-8")
    card = show_card(str(folder))
    assert repr(card).startswith("# my-model")
    assert card._repr_markdown_() == "> # my-model\n>\n> | a | b |\n> |---|---|"


def test_a_missing_card_is_said(folder):
    with pytest.raises(FileNotFoundError, match="has no card"):
        show_card(str(folder))
