"""Points in the plane that a reader moves, with the picture that depends on them."""

from collections.abc import Callable, Mapping, Sequence

import ipywidgets
from IPython.display import display

from ldm_tutorial.classroom.style import Picture
from ldm_tutorial.classroom.widgets import show_live, shown, stacked

Points = Mapping[str, tuple[float, float]]


def drag(
    draw: Callable[[Points], Picture],
    points: Points,
    twin: Sequence[Points] = (),
    limit: float = 2.0,
    step: float = 0.1,
) -> None:
    """Choose one of the named `points` and move it across and up; `draw(points)` follows.

    limit: coordinates run from -limit to limit, in steps of `step`. The static figure below shows the start,
    and one more picture for each entry of `twin`: where the points named in it have moved to.
    """
    for name in {name for moved in twin for name in moved}:
        if name not in points:
            raise ValueError(f"twin moves {name!r}, which is not one of the points {list(points)}")
    show_live(mover(draw, points, limit, step))
    display(stacked([draw({**points, **moved}) for moved in ({}, *twin)]))


def mover(
    draw: Callable[[Points], Picture], points: Points, limit: float = 2.0, step: float = 0.1
) -> ipywidgets.Widget:
    """A choice of points, two sliders for the chosen one, and the picture."""
    held, names = dict(points), list(points)
    which = ipywidgets.Dropdown(options=names, description="move", layout=ipywidgets.Layout(width="200px"))
    bounds = {"min": -limit, "max": limit, "step": step, "readout_format": ".1f"}
    across, up = (
        ipywidgets.FloatSlider(value=at, description=text, **bounds)
        for at, text in zip(held[names[0]], ("across", "up"), strict=True)
    )
    image = shown(draw(held))

    def choose(change):
        name = change["new"]
        for slider, at in zip((across, up), held[name], strict=True):
            slider.unobserve(move, names="value")  # showing where a point is does not move it
            slider.value = at
            slider.observe(move, names="value")

    def move(_change):
        held[which.value] = (across.value, up.value)
        image.value = draw(held).png

    which.observe(choose, names="value")
    for slider in (across, up):
        slider.observe(move, names="value")
    return ipywidgets.VBox(
        [ipywidgets.HBox([which, across, up]), image], layout=ipywidgets.Layout(align_items="flex-start")
    )
