"""An exercise of lesson 09: taking back the widening of a guided prediction."""

# ruff: noqa: ARG005  a mistake takes the arguments of the solution, used or not

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake

EACH = (1, 2, 3)


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


def _centred(and_back):
    """A wrong rescaling: of the prediction without its mean, which is added again or not."""

    def answer(guided, conditional, share):
        mean = guided.mean(dim=EACH, keepdim=True)
        full = rescaled(guided - mean, conditional, 1.0) + and_back * mean
        return (1 - share) * guided + share * full

    return answer


def _without_keepdim(guided, conditional, share):
    full = guided * conditional.std(dim=EACH) / guided.std(dim=EACH)
    return (1 - share) * guided + share * full


def _rescale_cases():
    """As many images as an image has columns: so a forgotten keepdim raises nothing, and can be named."""
    generator = torch.Generator().manual_seed(2)
    empty, told = torch.randn(2, 8, 4, 8, 8, generator=generator)
    told = told * torch.linspace(0.6, 1.7, 8).view(8, 1, 1, 1)
    told = told + torch.tensor([0.5, -1.0, 0.0, 2.0])[:, None, None]
    return [(empty + w * (told - empty), told, share) for w, share in ((5.0, 0.7), (3.0, 1.0), (8.0, 0.0))]


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
        Mistake(
            "the conditional prediction in the place of the guided one",
            lambda guided, conditional, share: (
                (1 - share) * conditional + share * rescaled(guided, conditional, 1.0)
            ),
            "At share = 0 your answer is the conditional prediction, as if nobody guided. Mix the fully "
            "rescaled prediction with the guided one.",
        ),
        Mistake(
            "a missing keepdim",
            _without_keepdim,
            "Without keepdim=True the standard deviations have the shape (B,), and PyTorch lines up last "
            "axes: each number then scales a column and not an image. Here there are as many images as "
            "columns, so that no error came. With keepdim=True the shape is (B, 1, 1, 1).",
        ),
        *(
            Mistake(
                "centring first",
                _centred(and_back),
                "The formula scales the guided prediction as it is, its mean too. Don't take the mean away: "
                "std does that for itself.",
            )
            for and_back in (True, False)
        ),
    ),
    hints=(
        "Two numbers for each image, over channels and places: x.std(dim=(1, 2, 3), keepdim=True).",
        "The fully rescaled prediction is guided * std(conditional) / std(guided).",
        "Then mix: (1 - share) * guided + share * the fully rescaled one.",
    ),
    insight="The direction stays, the size comes back: what was a wrong direction is not mended by it.",
)
