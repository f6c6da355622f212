"""Several choices at once, each with a control of its own, and the picture that depends on all of them."""

import functools
from collections.abc import Callable, Mapping, Sequence

import ipywidgets
from IPython.display import display

from ldm_tutorial.classroom.style import Picture
from ldm_tutorial.classroom.widgets import show_live, shown, stacked


def choose(
    draw: Callable[..., Picture],
    options: Mapping[str, Sequence],
    start: Sequence | None = None,
    twin: Sequence[Sequence] = (),
) -> None:
    """Show a control for each of `options`, and the picture of `draw`, which takes a value of each in order.

    options: the values by label; numbers get a slider, words a list to pick from. By default it starts with
    the first of each. The static figure below shows the choices of `twin`, or the start. draw should be
    quick: prepare what is slow before. What was drawn once is kept.
    """
    values = {label: list(those) for label, those in options.items()}
    start = tuple(those[0] for those in values.values()) if start is None else tuple(start)
    twin = [tuple(chosen) for chosen in twin] or [start]
    for chosen in (start, *twin):
        for (label, those), value in zip(values.items(), chosen, strict=True):
            if value not in those:
                raise ValueError(f"{label} {value!r} is not one of its values {those}")
    draw = functools.cache(draw)
    show_live(chooser(draw, values, start))
    display(stacked([draw(*chosen) for chosen in twin]))


def chooser(draw: Callable[..., Picture], values: Mapping[str, list], start: tuple) -> ipywidgets.Widget:
    """The controls below each other, and the picture."""
    controls = [control(label, those, at) for (label, those), at in zip(values.items(), start, strict=True)]
    image = shown(draw(*start))

    def redraw(_change):
        image.value = draw(*(each.value for each in controls)).png

    for each in controls:
        each.observe(redraw, names="value")
    return ipywidgets.VBox([*controls, image], layout=ipywidgets.Layout(align_items="flex-start"))


def control(label: str, values: list, at) -> ipywidgets.Widget:
    """A slider for numbers, a list to pick from for anything else."""
    numbers = all(isinstance(value, int | float) for value in values)
    kind = ipywidgets.SelectionSlider if numbers else ipywidgets.Dropdown
    return kind(
        options=[(str(value) or "(empty)", value) for value in values],
        value=at,
        description=label,
        style={"description_width": "initial"},
        layout=ipywidgets.Layout(width="min(100%, 620px)"),
    )
