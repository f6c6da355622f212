"""An exercise of lesson 10: the kernel distance without bias."""

import torch

from ldm_tutorial.classroom.exercises import Exercise, Mistake


def kernel(a, b):
    """How alike each of a (N, d) and each of b (M, d) are: (N, M)."""
    return (a @ b.T / a.shape[1] + 1) ** 3


def kernel_distance(x, y):
    """Mean likeness within x and within y, of different points only, less twice that across."""
    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    n, m = len(x), len(y)
    within_x = (xx.sum() - xx.trace()) / (n * (n - 1))
    within_y = (yy.sum() - yy.trace()) / (m * (m - 1))
    return (within_x + within_y - 2 * xy.mean()).item()


def _variant(like=kernel, own=False, divided=lambda n: n * (n - 1), across=2.0, of=lambda v: v):
    """A wrong distance: another kernel, the diagonal left in, other pairs counted, other shares."""

    def within(a):
        table = like(a, a)
        return (table.sum() - (0 if own else table.trace())) / divided(len(a))

    return lambda x, y: of(within(x) + within(y) - across * like(x, y).mean()).item()


def _without_own_across(x, y):
    """Of the table across, too, the entries (i, i) are left out, though x_i and y_i are different points."""
    xy, n = kernel(x, y), min(len(x), len(y))
    across = (xy.sum() - xy.diagonal().sum()) / (xy.numel() - n)
    return kernel_distance(x, y) + 2 * (xy.mean() - across).item()


def _too_few_across(x, y):
    """The entries (i, i) of the table across are left out, and it is divided by all N M."""
    xy = kernel(x, y)
    return kernel_distance(x, y) + 2 * (xy.diagonal().sum() / xy.numel()).item()


def _sizes_mixed_up(x, y):
    """Each mean within is divided by the other set's number of pairs."""
    xx, yy, n, m = kernel(x, x), kernel(y, y), len(x), len(y)
    within = (xx.sum() - xx.trace()) / (m * (m - 1)) + (yy.sum() - yy.trace()) / (n * (n - 1))
    return (within - 2 * kernel(x, y).mean()).item()


def _one_size(across):
    """The number of rows of x is taken for that of y, too: within y, and `across` says for which pairs."""

    def answer(x, y):
        xx, yy, xy, n = kernel(x, x), kernel(y, y), kernel(x, y), len(x)
        within = (xx.sum() - xx.trace() + yy.sum() - yy.trace()) / (n * (n - 1))
        return (within - 2 * across(xy)).item()

    return answer


def _cases():
    generator = torch.Generator().manual_seed(4)
    # In float64: for equal distributions nearly everything cancels.
    draw = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)  # noqa: E731
    return [(draw(6, 2), draw(9, 2) + 0.5), (draw(20, 8), 1.3 * draw(12, 8)), (draw(30, 8), draw(30, 8))]


kernel_exercise = Exercise(
    name="the kernel distance",
    solution=kernel_distance,
    cases=_cases,
    mistakes=(
        Mistake(
            "the diagonal left in",
            _variant(own=True, divided=lambda n: n * n),
            "A point is very much like itself, and in the table of x and x each point meets itself once. "
            "With that the distance is always too large, and the fewer points, the more: the bias that "
            "this distance was made to avoid. Leave out i = j.",
        ),
        Mistake(
            "the diagonal left in, but not counted",
            _variant(own=True),
            "You divide by the number of pairs of different points, and still add the pairs of equal ones.",
        ),
        Mistake(
            "the diagonal counted, but left out",
            _variant(divided=lambda n: n * n),
            "Without i = j there are N (N - 1) pairs, not N²: divide by these.",
        ),
        Mistake(
            "each pair counted once",
            _variant(divided=lambda n: n * (n - 1) / 2),
            "The sum over the table has each pair twice, (i, j) and (j, i), so that N (N - 1) entries are "
            "left, not half of them.",
        ),
        Mistake(
            "forgetting the 2",
            _variant(across=1.0),
            "Two means within, so two means across: for equal distributions they must cancel.",
        ),
        Mistake(
            "adding what is across",
            _variant(across=-2.0),
            "Likeness across makes the distance smaller: subtract it.",
        ),
        Mistake(
            "the diagonal left out across as well",
            _without_own_across,
            "x_i and y_i only happen to have the same number; they are two different points. Across, every "
            "pair counts.",
        ),
        Mistake(
            "the diagonal left out across as well, but counted",
            _too_few_across,
            "x_i and y_i only happen to have the same number; they are two different points. Across, every "
            "pair counts.",
        ),
        Mistake(
            "N and M mixed up",
            _sizes_mixed_up,
            "Within x there are N (N - 1) pairs, N being the number of rows of x. Within y there are "
            "M (M - 1).",
        ),
        *(
            Mistake(
                "one number of points for both sets",
                _one_size(across),
                "x has N points and y has M. Within y there are M (M - 1) pairs, and N M across.",
            )
            for across in (torch.mean, lambda xy: xy.sum() / len(xy) ** 2)
        ),
        Mistake(
            "half of the table",
            _variant(divided=lambda n: 2 * n * (n - 1)),
            "One triangle of the table has each pair once: N (N - 1) / 2 entries, not N (N - 1). Take both "
            "triangles, or divide by what is in one.",
        ),
        Mistake(
            "the sign turned round",
            _variant(of=lambda v: -v),
            "Likeness within is added, likeness across is subtracted: sets that are far apart are less "
            "alike across than within, and their distance is above 0.",
        ),
        *(
            Mistake(
                "taking the root at the end",
                answer,
                "The formula has no root. This distance is a squared one, like the Fréchet distance, and an "
                "estimate of it may be below 0, where there is no root.",
            )
            for answer in (
                _variant(of=torch.sqrt),
                _variant(of=lambda v: v.clamp(min=0).sqrt()),
                lambda x, y: kernel_distance(x, y) ** 0.5,  # complex where Python takes the root
            )
        ),
        Mistake(
            "dividing by N instead of d",
            _variant(like=lambda a, b: (a @ b.T / len(a) + 1) ** 3),
            "d is the number of features, the length of a row: a.shape[1]. len(a) is the number of points.",
        ),
        Mistake(
            "not dividing by d",
            _variant(like=lambda a, b: (a @ b.T + 1) ** 3),
            "The kernel divides the product by the number of features, so that it does not grow with it.",
        ),
        Mistake(
            "forgetting the 1 in the kernel",
            _variant(like=lambda a, b: (a @ b.T / a.shape[1]) ** 3),
            "Without + 1 only third powers are left. With it the kernel compares means, variances and "
            "third moments.",
        ),
        Mistake(
            "a square in place of the cube",
            _variant(like=lambda a, b: (a @ b.T / a.shape[1] + 1) ** 2),
            "The kernel of the kernel Inception distance has the power 3.",
        ),
        Mistake(
            "never below zero",
            _variant(of=lambda v: v.clamp(min=0)),
            "For equal distributions the right answer is below 0 about half of the time, so that it is 0 "
            "on average. Cutting it off there would bring a bias back.",
        ),
    ),
    hints=(
        "Three tables of likeness: k of x and x, of y and y, of x and y. Means of the first two leave out "
        "the diagonal.",
        "The sum without diagonal is table.sum() - table.trace(), and N (N - 1) entries are in it.",
        "within x + within y - 2 times the mean of the table across.",
    ),
    insight="No bias at any N: with few samples it is uncertain, but not wrong on average.",
)
