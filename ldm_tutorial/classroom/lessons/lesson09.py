"""Exercises of lesson 09, Classifier-free guidance. Dropping and rescaling have files of their own."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.lessons.guidance_drop import drop_exercise
from ldm_tutorial.classroom.lessons.guidance_rescale import rescale_exercise


def guided(denoise, z_t, t, condition, null, w):
    """From the answer without condition, w times the way to the answer with it."""
    without = denoise(z_t, t, null)
    return without + w * (denoise(z_t, t, condition) - without)


def _of_both(formula):
    """A wrong formula of the two predictions, without condition and with it, and of w."""

    def answer(denoise, z_t, t, condition, null, w):
        return formula(denoise(z_t, t, null), denoise(z_t, t, condition), w)

    return answer


def _toy_denoiser(z_t, t, condition):
    """Depends on all that it is told, and not in proportion to it."""
    return torch.tanh(z_t + condition[:, :, None, None]) + torch.cos(t / 3).view(-1, 1, 1, 1)


def _guided_cases():
    generator = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    t = torch.tensor([7, 500])
    told, null = draw(2, 4), 0.5 * draw(2, 4) + 1
    return [(_toy_denoiser, draw(2, 4, 8, 8), t, told, null, w) for w in (3.0, 0.0, 1.0, 7.5)]


guided_exercise = Exercise(
    name="the guided prediction",
    solution=guided,
    cases=_guided_cases,
    mistakes=(
        Mistake(
            "the other convention",
            _of_both(lambda empty, told, w: (1 + w) * told - w * empty),
            "That is (1+s) eps(c) - s eps(null) with w in the place of s, and so one too strong: the way "
            "begins at eps(c) instead of at eps(null). At w = 1 plain eps(c) must come out.",
        ),
        Mistake(
            "the two predictions exchanged",
            _of_both(lambda empty, told, w: told + w * (empty - told)),
            "At w = 1 this has forgotten the condition. Start from the prediction without it.",
        ),
        Mistake(
            "only the conditional prediction, louder",
            _of_both(lambda empty, told, w: w * told),
            "This makes all of the noise w times as large. Guidance stretches the difference that the "
            "condition makes, and nothing else.",
        ),
        Mistake(
            "adding without subtracting",
            _of_both(lambda empty, told, w: empty + w * told),
            "At w = 1 the part that both have in common is counted twice. Add w times the difference.",
        ),
        Mistake(
            "w is ignored",
            _of_both(lambda empty, told, w: told),
            "That is plain eps(c), right at w = 1 only. Walk w times the way from the answer for null to it.",
        ),
        Mistake(
            "mixing the questions",
            lambda denoise, z_t, t, condition, null, w: denoise(z_t, t, null + w * (condition - null)),
            "You mixed the conditions and asked once. The network was never shown such a condition. Ask "
            "twice, and mix the two answers.",
        ),
        Mistake(
            "only the arrow",
            _of_both(lambda empty, told, w: w * (told - empty)),
            "That is the arrow without the place where it begins. At w = 0 the prediction without the "
            "condition must come out, not zeros: add it.",
        ),
        Mistake(
            "away from the condition",
            _of_both(lambda empty, told, w: empty - w * (told - empty)),
            "The minus leads away from what was asked for.",
        ),
        Mistake(
            "a mean of the two",
            _of_both(lambda empty, told, w: (empty + w * told) / (1 + w)),
            "A mean lies between the two predictions. For w > 1 the guided one lies beyond eps(c).",
        ),
        Mistake(
            "zeros instead of the null condition",
            lambda denoise, z_t, t, condition, null, w: guided(
                denoise, z_t, t, condition, torch.zeros_like(condition), w
            ),
            "The network was never shown zeros. Ask it with `null`, which it saw whenever a caption was "
            "dropped.",
        ),
    ),
    hints=(
        "Ask the denoiser twice, with the same z_t and t: once with null, once with condition.",
        "Start at the answer for null and walk w times the way to the answer for condition.",
    ),
    insight="Only the prediction changes, not the step that uses it: so every sampler can be guided.",
)


def other_form(eps_null, eps_cond, w):
    """The same guided prediction, written (1+s) eps(c) - s eps(null)."""
    s = w - 1
    return (1 + s) * eps_cond - s * eps_null


def _with_s(s_of, formula=lambda empty, told, s: (1 + s) * told - s * empty):
    return lambda eps_null, eps_cond, w: formula(eps_null, eps_cond, s_of(w))


def _predictions(*scales):
    generator = torch.Generator().manual_seed(1)
    a, b = torch.randn(2, 2, 4, 8, 8, generator=generator)
    return [(a, b, w) for w in scales]


other_exercise = Exercise(
    name="the other convention",
    solution=other_form,
    cases=lambda: _predictions(3.0, 0.0, 1.0, 7.5),
    mistakes=(
        Mistake(
            "the conventions mixed up",
            _with_s(lambda w: w),
            "You put w where s belongs, and so guide one too strongly: w = 1, no guidance at all, became "
            "2 eps(c) - eps(null). With s = 0 the other formula is plain eps(c); which s belongs to w = 1?",
        ),
        Mistake(
            "1 added instead of subtracted",
            _with_s(lambda w: w + 1),
            "w = 1 + s, so s is smaller than w by one, not larger.",
        ),
        Mistake(
            "the sign of s",
            _with_s(lambda w: 1 - w),
            "w = 1 + s, so s = w - 1. With 1 - w, w = 2 would ignore the condition and w = 3 lead away from "
            "it.",
        ),
        Mistake(
            "eps(null) added",
            _with_s(lambda w: w - 1, lambda empty, told, s: (1 + s) * told + s * empty),
            "The weights of the two predictions must add up to 1: 1 + s and -s.",
        ),
        Mistake(
            "the two predictions exchanged",
            _with_s(lambda w: w - 1, lambda empty, told, s: (1 + s) * empty - s * told),
            "The larger weight, 1 + s, belongs to the prediction with the condition.",
        ),
        Mistake(
            "s in both places",
            _with_s(lambda w: w - 1, lambda empty, told, s: s * told - s * empty),
            "That is only the difference. Its weights add up to 0, but a prediction needs weights that add "
            "up to 1.",
        ),
    ),
    hints=(
        "Compare what stands before eps(c): w in our formula, 1 + s in the other one.",
        "So s = w - 1. Put it in.",
    ),
    insight="(Both forms give the same numbers, so this check cannot see which one you wrote. If it was "
    'ours, write the other too, with s = w - 1.) When somebody says "guidance 3", ask: what is no guidance '
    "called, 1 or 0?",
)


EXERCISES = (drop_exercise, guided_exercise, other_exercise, rescale_exercise)
