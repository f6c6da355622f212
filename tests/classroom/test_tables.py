import pytest

from ldm_tutorial.classroom import table


def test_a_table_aligns_words_left_and_numbers_right(capsys):
    table([{"name": "a", "n": 12288, "x": 1.0}, {"name": "long name", "n": 7, "x": -0.001}])
    assert capsys.readouterr().out.splitlines() == [
        "name             n      x",
        "---------   ------   ----",
        "a           12,288   1.00",
        "long name        7   0.00",
    ]


def test_tuples_are_lists_of_words(capsys):
    table([{"mult": (1, 2, 4), "x": 0.25}], digits=1)
    assert "1, 2, 4   0.2" in capsys.readouterr().out


@pytest.mark.parametrize("rows", [[], [{"a": 1}, {"b": 1}]])
def test_rows_must_agree(rows):
    with pytest.raises(ValueError, match="the same keys"):
        table(rows)
