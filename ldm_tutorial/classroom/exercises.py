"""Exercises: a stub in the notebook, a check that explains, hints and a solution on demand.

A lesson's exercises live in `classroom/lessons/`, where they are tested: every solution passes its own check,
every named mistake is recognised. In the notebook an exercise looks like this::

    def noisy(z, noise, alpha_bar):
        # your code here

    check(lesson.noisy, noisy)
    # lesson.noisy.hint()
    # lesson.noisy.show_solution()
"""

import copy
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from ldm_tutorial.classroom.compare import TOLERANCE, difference, kind
from ldm_tutorial.classroom.source import Source, show_source

WIDTH = 100


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that many people give: its name, the code that makes it, and what to tell them."""

    name: str
    answer: Callable
    explanation: str


@dataclass(frozen=True)
class Exercise:
    """One task with its truth.

    name: what the reader calls it. solution: the tested answer, a function; without arguments where the task
    asks for a value. cases: returns the arguments on which answers are compared. mistakes: wrong answers
    that are recognised. hints: from a nudge to nearly everything. insight: a sentence worth keeping.
    choices: where the answer is a dict, what its values may be, in any case of letters. any_float: float32
    and float64 are both right, whatever the solution's tensors are. probe: turns a function, the reader's and
    the solution alike, into the one that is compared, where its value alone does not show a mistake (a loss
    and its gradients, say); its attribute `given` may say in words what the reader's function received.
    """

    name: str
    solution: Callable
    cases: Callable[[], list[tuple]] = lambda: [()]
    mistakes: tuple[Mistake, ...] = ()
    hints: tuple[str, ...] = ()
    insight: str = ""
    tolerance: float = TOLERANCE
    choices: tuple[str, ...] = ()
    any_float: bool = False
    probe: Callable[[Callable], Callable] = lambda function: function

    def hint(self, number: int = 1) -> None:
        """Print the hint of that number, 1 being the gentlest."""
        count = len(self.hints)
        if not 1 <= number <= count:
            raise ValueError(f"{self.name} has hints 1 to {count}, but number {number} was asked for")
        more = f"for the next one: .hint({number + 1})" if number < count else "the last one"
        print(textwrap.fill(f"Hint {number} of {count} ({more}): {self.hints[number - 1]}", WIDTH))

    def show_solution(self) -> Source:
        """The tested solution, as source."""
        return show_source(self.solution)


@dataclass(frozen=True)
class Verdict:
    """What `judge` found: status is "blank", "right", "mistake" (a known one, named) or "wrong"."""

    status: str
    text: str
    mistake: str | None = None


def check(exercise: Exercise, answer) -> None:
    """Compare a reader's function (or value) with the truth and print what was found."""
    print(textwrap.fill(judge(exercise, answer).text, WIDTH))


def judge(exercise: Exercise, answer) -> Verdict:
    """Find out whether an answer is blank, right, a known mistake or otherwise wrong, and say so in words."""
    title = exercise.name[0].upper() + exercise.name[1:]
    if _is_blank(answer):
        return _blank(title, _open(answer))
    if exercise.choices and isinstance(answer, dict):
        known = {choice.lower(): choice for choice in exercise.choices}
        answer = {name: known.get(str(value).strip().lower(), value) for name, value in answer.items()}
        if stray := [value for value in answer.values() if value not in exercise.choices]:
            among = ", ".join(map(repr, exercise.choices))
            return Verdict("wrong", f"{title}: {stray[0]!r} is none of {among}.")
    cases = exercise.cases()
    truths = [exercise.probe(exercise.solution)(*copy.deepcopy(case)) for case in cases]
    seen, answers = exercise.probe(answer) if callable(answer) else answer, []
    for case in cases:
        given = copy.deepcopy(case)
        try:
            value = seen(*given) if callable(answer) else seen
        except Exception as error:  # whatever the reader's code raises is part of the lesson
            if isinstance(error, NotImplementedError) and not str(error):  # torch's own come with a message
                return _blank(title)
            return Verdict("wrong", f"{title}: {_stopped(error, _given(exercise, answer, given))}")
        if _is_blank(value):
            return _blank(title, "not filled in yet, or its `return` is missing")
        if not _same(given, case):
            said = (
                "your function changed its input in place (look for +=, *= or a method whose name ends in _)."
            )
            return Verdict("wrong", f"{title}: {said}")
        answers.append(value)
    if exercise.any_float:
        answers = [_in_precision_of(truth, value) for value, truth in zip(answers, truths, strict=True)]
    said = [difference(a, b, exercise.tolerance) for a, b in zip(answers, truths, strict=True)]
    if not any(said):
        return Verdict("right", f"{title}: right. {exercise.insight}".rstrip())
    for mistake in exercise.mistakes:
        wrong = [exercise.probe(mistake.answer)(*copy.deepcopy(case)) for case in cases]
        if all(map(partial(_same_mistake, exercise.tolerance), answers, wrong, truths)):
            text = f"{title}: not yet. This is a well-known slip: {mistake.name}. {mistake.explanation}"
            if others := _others(exercise.tolerance, answers[0], wrong[0], truths[0]):
                text += f" Also not right: {', '.join(others)}."
            return Verdict("mistake", text, mistake.name)
    first = next(i for i, sentence in enumerate(said) if sentence)
    where = f" with {_given(exercise, exercise.solution, cases[first])}" if cases[first] else ""
    return Verdict("wrong", f"{title}: not yet{where}. {said[first]}")


def _is_blank(answer):
    """Whether nothing was returned, or some of the dots of the stub are still there."""
    if isinstance(answer, dict):
        answer = list(answer.values())
    return (
        answer is None
        or answer is ...
        or (isinstance(answer, list | tuple) and any(a is ... for a in answer))
    )


def _open(answer):
    """Which entries still have their dots, in words; of a dict that is begun."""
    dots = [str(name) for name, value in answer.items() if value is ...] if isinstance(answer, dict) else []
    if not dots or len(dots) == len(answer):
        return "not filled in yet"
    *first, last = dots
    return f"{', '.join(first)} and {last} are not filled in yet" if first else f"{last} is not filled in yet"


def _blank(title, said="not filled in yet"):
    return Verdict("blank", f"{title}: {said}. Write your answer in the cell above and run it again.")


def _same_mistake(tolerance, answer, wrong, truth):
    """Whether an answer is wrong in this way; of a dict only the entries count in which `wrong` is wrong."""
    if isinstance(truth, dict) and isinstance(answer, dict):
        planted = [name for name in truth if difference(wrong[name], truth[name], tolerance)]
        return all(name in answer and answer[name] == wrong[name] for name in planted)
    return difference(answer, wrong, tolerance) is None


def _others(tolerance, answer, wrong, truth):
    """The entries of a dict that are not right, beside those in which a known mistake is wrong."""
    if not isinstance(truth, dict) or not isinstance(answer, dict):
        return []
    return [
        str(name)
        for name in truth
        if difference(answer.get(name), truth[name], tolerance)
        and not difference(wrong[name], truth[name], tolerance)
    ]


def _in_precision_of(truth, answer):
    """A float tensor with the dtype of the truth; in a list or tuple of tensors each."""
    if isinstance(truth, torch.Tensor) and isinstance(answer, torch.Tensor):
        both = truth.is_floating_point() and answer.dtype in (torch.float32, torch.float64)
        return answer.to(truth.dtype) if both else answer
    if isinstance(truth, list | tuple) and isinstance(answer, list | tuple) and len(truth) == len(answer):
        return [_in_precision_of(part, value) for part, value in zip(truth, answer, strict=True)]
    return answer


def _stopped(error, given):
    sentence = str(error).strip().splitlines()[0] if str(error).strip() else "no message"
    return f"your code stopped with {type(error).__name__} ({sentence}) when it got {given}."


def _given(exercise, function, case):
    """The arguments in words; a probe that makes them from the case says so itself, by its `given`."""
    told = getattr(exercise.probe(function), "given", None)
    return told(*case) if told else _inputs(function, case)


def _inputs(function, case):
    """The arguments in words: `z of shape (2, 4, 8, 8), t = 3`."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    names += [f"argument {i + 1}" for i in range(len(names), len(case))]
    described = []
    for name, value in zip(names, case, strict=False):
        if isinstance(value, torch.Tensor) and value.ndim:
            described.append(f"{name} of shape {tuple(value.shape)}")
        elif isinstance(value, int | float | str) or _short(value):
            described.append(f"{name} = {value!r}")
        else:
            described.append(f"{name}, {kind(value)}" if value is not None else f"{name} = None")
    return ", ".join(described) or "no arguments"


def _short(value):
    """Whether a list or tuple, of numbers or of such lists and tuples, is short enough to be shown."""
    if not isinstance(value, list | tuple) or len(repr(value)) > 60:
        return False
    return bool(value) and all(isinstance(part, int | float) or _short(part) for part in value)


def _same(a, b):
    """Whether two argument tuples hold the same numbers; what cannot be compared counts as unchanged."""
    for x, y in zip(a, b, strict=True):
        if isinstance(x, torch.Tensor) and not (
            x.shape == y.shape and torch.equal(x.nan_to_num(), y.nan_to_num())
        ):
            return False
        if isinstance(x, list | dict | set) and x != y:
            return False
    return True
