"""Exercises of lesson 09, Classifier-free guidance. That on dropping conditions has a file of its own."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake
from ldm_tutorial.classroom.lessons.guidance_drop import drop_exercise


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
    insight='When somebody says "guidance 3", ask: what is no guidance called, 1 or 0?',
)


def rescaled(guided, conditional, share):
    """The guided prediction, its spread drawn back by a share to that of the conditional one."""
    spread = conditional.std(dim=(1, 2, 3), keepdim=True) / guided.std(dim=(1, 2, 3), keepdim=True)
    return (1 - share) * guided + share * guided * spread


def _spread_by(dim, power=1.0, upside_down=False, mixed=None):
    """A wrong rescaling: the std over other axes, another power of it, or another mixture."""

    def answer(guided, conditional, share):
        ratio = (conditional.std(dim=dim, keepdim=True) / guided.std(dim=dim, keepdim=True)) ** power
        full = guided / ratio if upside_down else guided * ratio
        return mixed(guided, full, share) if mixed else (1 - share) * guided + share * full

    return answer


def _rescale_cases():
    generator = torch.Generator().manual_seed(2)
    empty, told = torch.randn(2, 3, 4, 8, 8, generator=generator)
    told = (
        told * torch.tensor([0.6, 1.0, 1.7]).view(3, 1, 1, 1)
        + torch.tensor([0.5, -1.0, 0.0, 2.0])[:, None, None]
    )
    return [(empty + w * (told - empty), told, share) for w, share in ((5.0, 0.7), (3.0, 1.0), (8.0, 0.0))]


EACH = (1, 2, 3)
rescale_exercise = Exercise(
    name="rescale",
    solution=rescaled,
    cases=_rescale_cases,
    mistakes=(
        Mistake(
            "one spread for the whole batch",
            _spread_by((0, 1, 2, 3)),
            "Every image has a spread of its own, and one image may not depend on its batch mates. Leave the "
            "first axis out: dim=(1, 2, 3).",
        ),
        Mistake(
            "a spread for every channel",
            _spread_by((2, 3)),
            "That gives each channel its old spread back, and with it the balance between channels, which is "
            "part of what guidance changed. One number an image: dim=(1, 2, 3).",
        ),
        Mistake(
            "the fraction upside down",
            _spread_by(EACH, upside_down=True),
            "This widens further. The guided prediction is too wide, so the factor must be below 1: the "
            "conditional standard deviation stands on top.",
        ),
        Mistake(
            "variances instead of standard deviations",
            _spread_by(EACH, power=2.0),
            "A factor f changes the standard deviation by f and the variance by its square. Take std, not "
            "var.",
        ),
        Mistake(
            "the share the wrong way round",
            _spread_by(EACH, mixed=lambda guided, full, share: share * guided + (1 - share) * full),
            "share = 0 must leave the guided prediction alone, share = 1 take all of the widening back.",
        ),
        Mistake(
            "all of it, whatever the share",
            _spread_by(EACH, mixed=lambda guided, full, share: full),
            "That is share = 1. The result lies between the guided prediction and its rescaled form.",
        ),
        Mistake(
            "mixing with the conditional prediction",
            lambda guided, conditional, share: (1 - share) * guided + share * conditional,
            "This walks back along the arrow: it is only a smaller w. Rescaling keeps where the prediction "
            "points and changes its size.",
        ),
    ),
    hints=(
        "Two numbers for each image, over channels and places: x.std(dim=(1, 2, 3), keepdim=True).",
        "The fully rescaled prediction is guided * std(conditional) / std(guided).",
        "Then mix: (1 - share) * guided + share * the fully rescaled one.",
    ),
    insight="The direction stays, the size comes back: what was a wrong direction is not mended by it.",
)

EXERCISES = (drop_exercise, guided_exercise, other_exercise, rescale_exercise)
