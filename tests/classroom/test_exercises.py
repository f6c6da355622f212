"""The exercise machinery: what is blank, right, a known mistake, or wrong in a way that can be told."""

import pytest
import torch

from ldm_tutorial.classroom import Exercise, Mistake, check
from ldm_tutorial.classroom.exercises import judge


def double_rows(x):
    return 2 * x


EXERCISE = Exercise(
    name="doubling",
    solution=double_rows,
    cases=lambda: [(torch.arange(12.0).view(3, 4),), (torch.ones(2, 5),)],
    mistakes=(
        Mistake("halving", lambda x: x / 2, "Two times, not half."),
        Mistake("forgetting the rows", lambda x: (2 * x).sum(0), "Keep the rows."),
    ),
    hints=("Twice.", "Multiply by 2."),
    insight="Doubling is its own reward.",
)
VALUE = Exercise(name="six times seven", solution=lambda: 42.0)


def blank(x): ...


def raising(x):
    raise NotImplementedError


@pytest.mark.parametrize("answer", [blank, raising, None, ...])
def test_an_unfilled_stub_is_met_kindly(answer, capsys):
    check(EXERCISE, answer)
    said = capsys.readouterr().out
    assert "not filled in yet" in said, "a blank stub must not look like an error"
    assert "Write your answer in the cell above" in said, "the reader must learn what to do next"


@pytest.mark.parametrize("value", [[1, ...], (..., ...), {"a": 1, "b": ...}])
def test_a_partly_filled_value_is_blank(value):
    assert judge(Exercise(name="list", solution=lambda: [1, 2]), value).status == "blank"


def test_the_right_answer_is_said_to_be_right(capsys):
    check(EXERCISE, lambda x: x + x)
    assert capsys.readouterr().out == "Doubling: right. Doubling is its own reward.\n"


def test_a_named_mistake_is_recognised():
    verdict = judge(EXERCISE, lambda x: 0.5 * x)
    assert verdict.status == "mistake" and verdict.mistake == "halving"
    assert "Two times, not half." in verdict.text


def test_a_named_mistake_goes_before_its_shape():
    assert judge(EXERCISE, lambda x: 2 * x.sum(0)).mistake == "forgetting the rows"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: (2 * x).tolist(), "a tensor of shape (3, 4) was asked for"),
        (lambda x: (2 * x).t(), "transpose"),
        (lambda x: (2 * x)[None], "axes of length 1"),
        (lambda x: (2 * x).mean(0) * 7, "batch"),
        (lambda x: (2 * x).sum(), "one number"),
        (lambda x: (2 * x).double(), "float32 was asked for"),
        (lambda x: 2 * x / 0, "infinite or NaN"),
        (lambda x: 6 * x, "3 times what it should be"),
        (lambda x: -2 * x, "wrong sign"),
        (lambda x: 2 * x + 0.5, "0.5 too large"),
        (lambda x: x**2, "numbers differ from the truth"),
        (lambda x: x @ x, "stopped with RuntimeError"),
        (lambda x: (x > 0).mean(), "could not infer output dtype"),  # which torch calls not implemented
        (lambda x: x.mul_(2), "changed its input in place"),
        (lambda: 3, "stopped with TypeError"),
    ],
)
def test_a_wrong_answer_is_explained_in_words(answer, words):
    verdict = judge(EXERCISE, answer)
    assert verdict.status == "wrong"
    assert words in verdict.text, f"expected the explanation to contain {words!r}, got {verdict.text!r}"


def test_the_input_that_failed_is_named():
    assert "with x of shape (3, 4)" in judge(EXERCISE, lambda x: x**2).text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ([(3, 1), (3, 2)], "layers = [(3, 1), (3, 2)]"),
        ((24, 48, 96), "layers = (24, 48, 96)"),
        (list(range(100)), "layers, a list"),
        ((torch.ones(2),), "layers, a tuple"),
        ([], "layers, a list"),
    ],
)
def test_short_lists_of_numbers_are_shown(value, shown):
    exercise = Exercise(name="length", solution=lambda layers: len(layers), cases=lambda: [(value,)])
    assert f"not yet with {shown}." in judge(exercise, lambda layers: len(layers) + 1).text


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (42, "right"),
        (42.0, "right"),
        (torch.tensor(42.0), "right"),
        (43, "wrong"),
        (True, "wrong"),
        ("42", "wrong"),
    ],
)
def test_a_value_is_compared_as_a_number(answer, status):
    assert judge(VALUE, answer).status == status


def test_a_wrong_number_is_told_its_factor():
    assert "2 times the right number" in judge(VALUE, 84).text


@pytest.mark.parametrize(
    ("truth", "answer", "words"),
    [
        (["a", "b"], ["a"], "1 entries"),
        (["a", "b"], ["a", "c"], "Entry 1"),
        ({"A": "x", "B": "y"}, {"A": "x", "B": "z"}, "not yet. Not right: B"),
        ({"A": "x"}, {"C": "x"}, "asked for were ['A']"),
        (True, False, "not right"),
        ("yes", "no", "not right"),
        ("yes", 3, "a str was asked for"),
    ],
)
def test_values_that_are_not_numbers(truth, answer, words):
    verdict = judge(Exercise(name="value", solution=lambda: truth), answer)
    assert verdict.status == "wrong" and words in verdict.text
    assert judge(Exercise(name="value", solution=lambda: truth), truth).status == "right"


def test_a_missing_return_is_suspected():
    said = judge(EXERCISE, blank).text
    assert "`return` is missing" in said, "a function without its return looks just like an empty one"


def test_an_answer_without_gradient_is_refused_where_one_is_needed():
    weight = torch.ones(3, requires_grad=True)
    exercise = Exercise(name="loss", solution=lambda: weight.square().mean())
    assert judge(exercise, (weight * weight).mean()).status == "right"
    assert "No gradient flows" in judge(exercise, weight.detach().square().mean()).text


def test_whole_numbers_must_be_whole():
    exercise = Exercise(name="timesteps", solution=lambda: [999, 499])
    assert judge(exercise, [999, 499]).status == "right"
    assert "Entry 1: 499.0 is a float; a whole number" in judge(exercise, [999, 499.0]).text
    assert "Entry 0: 1000 was given; 999 would be right" in judge(exercise, [1000, 499]).text


def test_choices_are_checked_and_mistakes_recognised_entry_by_entry():
    truth = {"A": "scale", "B": "caption"}
    exercise = Exercise(
        name="clinic",
        solution=lambda: truth,
        choices=("scale", "caption", "noise"),
        mistakes=(Mistake("B is well", lambda: truth | {"B": "noise"}, "B hears nothing."),),
    )
    assert judge(exercise, dict(truth)).status == "right"
    assert judge(exercise, {"A": "noise", "B": "noise"}).mistake == "B is well", (
        "A's entry is beside the point"
    )
    assert "'size' is none of 'scale', 'caption', 'noise'" in judge(exercise, truth | {"A": "size"}).text
    assert "Not right: A" in judge(exercise, truth | {"A": "noise"}).text
    assert judge(exercise, {"A": "Scale", "B": " CAPTION"}).status == "right", "letters of another case"
    assert judge(exercise, {"A": "caption", "B": "noise"}).text.endswith("Also not right: A.")
    assert "B is not filled in yet" in judge(exercise, {"A": "scale", "B": ...}).text
    assert "A and B" not in judge(exercise, {"A": ..., "B": ...}).text
    assert "B and C are not" in judge(exercise, {"A": "scale", "B": ..., "C": ...}).text


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_both_precisions_are_right_where_an_exercise_says_so(dtype):
    truth = torch.tensor([0.5, 0.25], dtype=torch.float64)
    exercise = Exercise(name="shares", solution=lambda: (truth, 3.0), any_float=True)
    assert judge(exercise, (truth.to(dtype), 3.0)).status == "right"
    assert judge(exercise, (2 * truth.to(dtype), 3.0)).status == "wrong"
    assert "our numbers are int64; float64 was asked" in judge(exercise, (truth.long(), 3.0)).text


@pytest.mark.parametrize(
    ("answer", "words"),
    [(3, "an int"), (torch.ones(2).numpy(), "an ndarray"), ((None,), "a tuple"), ([], "a list")],
)
def test_types_are_named_with_their_article(answer, words):
    exercise = Exercise(name="tensor", solution=lambda: torch.ones(2))
    assert f"The answer is {words};" in judge(exercise, answer).text


def test_nothing_is_called_none():
    exercise = Exercise(name="several", solution=lambda: [torch.ones(2), 1])
    assert "the answer is None; a tensor" in judge(exercise, [None, 1]).text


def test_an_answer_of_one_number_is_not_said_to_lack_the_batch():
    exercise = Exercise(name="table", solution=lambda: torch.ones(5))
    assert "reduced to one number" in judge(exercise, torch.tensor(1.0)).text


def test_a_slip_that_divides_by_zero_is_recognised():
    exercise = Exercise(
        name="shares",
        solution=lambda x: torch.softmax(x, 0),
        cases=lambda: [(torch.tensor([-500.0, -501.0]),)],
        mistakes=(Mistake("0 by 0", lambda x: x.exp() / x.exp().sum(), "Every exp is 0."),),
    )
    assert judge(exercise, lambda x: x.exp() / x.exp().sum()).mistake == "0 by 0"


def test_bytes_must_be_exact():
    exercise = Exercise(name="bytes", solution=lambda: torch.tensor([254, 255], dtype=torch.uint8))
    assert judge(exercise, torch.tensor([255, 255], dtype=torch.uint8)).status == "wrong"


def test_hints_are_numbered(capsys):
    EXERCISE.hint()
    assert capsys.readouterr().out == "Hint 1 of 2 (for the next one: .hint(2)): Twice.\n"
    EXERCISE.hint(2)
    assert "(the last one): Multiply by 2." in capsys.readouterr().out
    with pytest.raises(ValueError, match="has hints 1 to 2, but number 3"):
        EXERCISE.hint(3)


def test_the_solution_is_the_tested_source():
    from ldm_tutorial.classroom.lessons.lesson08 import guided, guided_exercise

    shown = guided_exercise.show_solution()
    assert shown.place.startswith("ldm_tutorial/classroom/lessons/lesson08.py, lines ")
    assert "eps_null + w * (eps_cond - eps_null)" in shown.code
    assert guided_exercise.solution is guided
