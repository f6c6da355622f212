"""Says in words how an answer differs from the truth."""

import math
from collections.abc import Sequence

import torch

TOLERANCE = 1e-4
NEGATIVE_ROOT = "Was the square root of a negative number taken?"


def difference(answer, truth, tolerance=TOLERANCE) -> str | None:
    """None where `answer` equals `truth`, else one or two sentences a student can act on.

    Tensors are compared in type, shape, dtype, finiteness and value (to `tolerance`, relative to the truth's
    largest entry), numbers to `tolerance`, the rest by ==. A constant factor or offset is named.
    """
    if isinstance(truth, torch.Tensor):
        return _tensor(answer, truth, tolerance)
    if isinstance(truth, bool):
        return (
            None
            if isinstance(answer, bool) and answer == truth
            else f"The answer is {answer!r}, which is not right."
        )
    if isinstance(truth, int | float):
        return _number(answer, truth, tolerance)
    if isinstance(truth, complex):  # not asked for by anyone: what a slip comes to that this answer may share
        same = isinstance(answer, complex) and abs(answer - truth) <= tolerance
        return None if same else f"The answer {answer!r} is not right."
    if isinstance(truth, dict) and isinstance(answer, dict):
        return _mapping(answer, truth, tolerance)
    if isinstance(truth, list | tuple) and isinstance(answer, Sequence) and not isinstance(answer, str):
        return _sequence(answer, truth, tolerance)
    if type(answer) is not type(truth):
        return f"The answer is {kind(answer)}; {kind(truth)} was asked for."
    return None if answer == truth else f"The answer {answer!r} is not right."


def _tensor(answer, truth, tolerance):
    if not isinstance(answer, torch.Tensor):
        return f"The answer is {kind(answer)}; a tensor of shape {tuple(truth.shape)} was asked for."
    if answer.shape != truth.shape:
        return _shape(answer, truth)
    if answer.is_complex() and not truth.is_complex():
        return f"Your numbers are complex. {NEGATIVE_ROOT}"
    if answer.dtype != truth.dtype:
        return f"Your numbers are {_dtype(answer)}; {_dtype(truth)} was asked for. Look at the dtype."
    if truth.requires_grad and not answer.requires_grad:
        return "No gradient flows through the answer, so nothing can learn: look for no_grad, detach, item."
    a, b = answer.detach().double().cpu(), truth.detach().double().cpu()
    lost = ~torch.isfinite(a)
    if not torch.equal(lost, ~torch.isfinite(b)):  # equal where a mistake is compared that divides by zero
        bad = int(lost.sum())
        return f"{bad} of {a.numel()} numbers are infinite or NaN: was something divided by zero?"
    a, b = a.masked_fill(lost, 0), b.masked_fill(lost, 0)
    allowed = tolerance * max(1.0, b.abs().max().item()) if b.numel() else 0
    if truth.dtype == torch.uint8:
        allowed = 0
    error = (a - b).abs()
    if not error.numel() or error.max() <= allowed:
        return None
    if not a.ndim:
        return f"Your number is {a:.4g}; {b:.4g} would be right."
    return _scale(a, b, allowed) or _where(error, a, allowed)


def _shape(answer, truth):
    got, want = tuple(answer.shape), tuple(truth.shape)
    said = f"The shape is {got}, but {want} was asked for."
    if sorted(got) == sorted(want):
        return f"{said} The sizes are the same in another order: look for a transpose or permute too many."
    if [n for n in got if n != 1] == [n for n in want if n != 1]:
        return f"{said} Only axes of length 1 differ: look at keepdim, view and unsqueeze."
    if not got or (answer.numel() == 1 and want[1:] != got):
        return f"{said} Everything was reduced to one number: look at the dim argument."
    if want[1:] == got:
        return f"{said} The first axis, the batch, is missing: was it averaged away?"
    return said


def _scale(a, b, allowed):
    factor = ((a * b).sum() / (b * b).sum()).item() if (b * b).sum() > 0 else math.nan
    if (a - factor * b).abs().max() <= allowed:
        if math.isclose(factor, -1, rel_tol=1e-3):
            return "Every number has the wrong sign."
        if abs(factor) > 1e-6:
            return (
                f"Every number is {factor:.4g} times what it should be: the shape is right, the scale is not."
            )
    offset = (a - b).mean()
    if (a - b - offset).abs().max() <= allowed:
        return (
            f"Every number is {abs(offset):.4g} too {'large' if offset > 0 else 'small'}: an offset is off."
        )
    return None


def _where(error, a, allowed):
    wrong = int((error > allowed).sum())
    worst = [int(i) for i in torch.unravel_index(error.argmax(), error.shape)]
    share = "all" if wrong == error.numel() else f"{wrong} of {error.numel()}"
    place = f" at index {worst}" if worst else ""
    return (
        f"The shape is right, but {share} numbers differ from the truth, by up to {error.max():.4g}{place} "
        f"(your mean is {a.mean():.4g}, your standard deviation {a.std(correction=0):.4g})."
    )


def _number(answer, truth, tolerance):
    if isinstance(answer, torch.Tensor) and answer.numel() == 1:
        answer = answer.item()
    if isinstance(answer, complex):
        return f"The answer is a complex number. {NEGATIVE_ROOT}"
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        if hasattr(answer, "item") and getattr(answer, "ndim", 1) == 0:
            return _number(answer.item(), truth, tolerance)
        return f"The answer is {kind(answer)}; one number was asked for."
    if isinstance(truth, int):
        if not isinstance(answer, int):
            return f"{answer!r} is {kind(answer)}; a whole number (int) was asked for."
        return None if answer == truth else f"{answer} was given; {truth} would be right."
    if math.isclose(answer, truth, rel_tol=tolerance, abs_tol=tolerance if truth == 0 else 0):
        return None
    if math.isnan(answer) and math.isnan(truth):  # a mistake that comes to 0/0, met again
        return None
    if truth and math.isfinite(answer) and answer:
        return f"{answer:.6g} is {answer / truth:.4g} times the right number."
    return f"{answer:.6g} is not the right number."


def _sequence(answer, truth, tolerance):
    if len(answer) != len(truth):
        return f"The answer has {len(answer)} entries; {len(truth)} were asked for."
    for place, (a, b) in enumerate(zip(answer, truth, strict=True)):
        said = difference(a, b, tolerance)
        if said:
            fields = getattr(truth, "_fields", None)  # a named tuple says what its entries are
            entry = f"The {fields[place].replace('_', ' ')}" if fields else f"Entry {place}"
            return f"{entry}: {said[0].lower()}{said[1:]}"
    return None


def _mapping(answer, truth, tolerance):
    if answer.keys() != truth.keys():
        return f"The answer has the entries {sorted(answer)}; asked for were {sorted(truth)}."
    wrong = [name for name in truth if difference(answer[name], truth[name], tolerance)]
    return f"Not right: {', '.join(map(str, wrong))}." if wrong else None


def kind(value) -> str:
    """The type of a value with its article, to be read in a sentence: "a tensor", "an int", "None"."""
    if value is None:
        return "None"
    name = "tensor" if isinstance(value, torch.Tensor) else type(value).__name__
    return f"an {name}" if name[0] in "aeiou" or name == "ndarray" else f"a {name}"


def _dtype(tensor):
    return str(tensor.dtype).removeprefix("torch.")
