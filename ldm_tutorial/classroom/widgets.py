"""Sliders, each with a static twin drawn by the same function."""

import functools
import io
from collections.abc import Callable, Sequence

import ipywidgets
from IPython.display import display
from PIL import Image

from ldm_tutorial.classroom.style import Picture

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
FRAME = 400  # milliseconds that an animation shows a picture; drawing one takes about half of that
WIDEST = 1100  # pixels: pictures that together are wider stand below each other


def explore(
    draw: Callable[..., Picture],
    values: Sequence,
    label: str,
    start=None,
    twin: Sequence | None = None,
    play: bool = False,
):
    """Show a slider over `values` that redraws `draw(value)`, and below it that drawing at the `twin` values.

    draw should be quick: prepare what is slow (samples, say) before, in a dictionary by value. What was drawn
    once is kept. By default the slider starts in the middle, and the static figure shows the first, the
    middle and the last value. The stored page holds only that figure; the slider lives where a kernel runs.
    play: puts a play button before the slider, which moves it through the values: an animation.
    """
    values = list(values)
    middle = values[len(values) // 2]
    start = middle if start is None else start
    twin = list(dict.fromkeys([values[0], middle, values[-1]])) if twin is None else list(twin)
    for name, wanted in (("start", [start]), ("twin", twin)):
        for value in wanted:
            if value not in values:
                raise ValueError(f"{name} {value!r} is not one of the slider's values {values}")
    draw = functools.cache(draw)
    show_live(slider(draw, values, label, start, play))
    display(stacked([draw(value) for value in twin]))


def slider(
    draw: Callable[..., Picture], values: Sequence, label: str, start, play: bool = False
) -> ipywidgets.Widget:
    """A labelled slider with the picture it moves; the arrow keys move it too, and a play button if asked."""
    handle = ipywidgets.SelectionSlider(
        options=[(str(value), value) for value in values],
        value=start,
        description=label,
        style={"description_width": "initial"},
        layout=ipywidgets.Layout(width="min(100%, 620px)"),
    )
    image = shown(draw(start))

    def redraw(change):
        image.value = draw(change["new"]).png

    handle.observe(redraw, names="value")
    if play:
        button = ipywidgets.Play(max=len(values) - 1, value=handle.index, interval=FRAME)
        ipywidgets.link((button, "value"), (handle, "index"))
        handle.layout.flex = "1 1 auto"  # or the slider would shrink to what is left beside the buttons
        handle = ipywidgets.HBox([button, handle], layout=ipywidgets.Layout(width="min(100%, 770px)"))
    return ipywidgets.VBox([handle, image], layout=ipywidgets.Layout(align_items="flex-start"))


def shown(picture: Picture | None = None) -> ipywidgets.Image:
    """A picture as a widget, as wide as the page at most; without the margin that would make it scroll."""
    layout = ipywidgets.Layout(max_width="100%", margin="0")
    return ipywidgets.Image(value=picture.png if picture else b"", format="png", layout=layout)


def show_live(widget: ipywidgets.Widget) -> None:
    """Show a widget where a kernel runs, leaving nothing to compare or to store in the page."""
    # Without the text form (a line of Python that names the widget) the validator skips the output.
    display({WIDGET_VIEW: widget._repr_mimebundle_()[WIDGET_VIEW]}, raw=True)


def stacked(pictures: Sequence[Picture]) -> Picture:
    """One picture of several: side by side where that fits a page, else below each other."""
    if len(pictures) == 1:
        return pictures[0]
    images = [Image.open(io.BytesIO(picture.png)).convert("RGB") for picture in pictures]
    widths, heights = [image.width for image in images], [image.height for image in images]
    beside = sum(widths) <= WIDEST
    size = (sum(widths), max(heights)) if beside else (max(widths), sum(heights))
    page, x, y = Image.new("RGB", size, "white"), 0, 0
    for image in images:
        page.paste(image, (x, y))
        x, y = (x + image.width, y) if beside else (x, y + image.height)
    buffer = io.BytesIO()
    page.save(buffer, "PNG", optimize=True)
    return Picture(buffer.getvalue(), " | ".join(dict.fromkeys(picture.description for picture in pictures)))
