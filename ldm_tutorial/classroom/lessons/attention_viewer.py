"""The attention viewer of lesson 07: hover over a word, or pick it, and see which places look at it."""

import base64
import functools
import io
from collections.abc import Sequence
from html import escape

import ipywidgets
from IPython.display import display
from PIL import Image
from torch import Tensor

from ldm_tutorial.classroom.lessons.attention_record import Record, heated
from ldm_tutorial.classroom.pictures import rows
from ldm_tutorial.classroom.style import Picture
from ldm_tutorial.classroom.widgets import FRAME, show_live
from ldm_tutorial.data import to_uint8

SIDE = 256  # pixels of a shown picture
STYLE = f"""<style>
.looking {{position: relative; min-height: {SIDE + 26}px; font-family: sans-serif}}
.looking img {{width: {SIDE}px; height: {SIDE}px; image-rendering: pixelated; border: 1px solid #ccc}}
.looking .word img {{display: none; position: absolute; left: {SIDE + 14}px; top: 0}}
.looking .picked img {{display: block}}
.looking .word:hover img {{display: block; z-index: 1}}
.looking .words {{max-width: {2 * SIDE + 16}px; line-height: 1.9; font-size: 15px; cursor: default}}
.looking .word {{padding: 2px 4px; border-radius: 4px; border: 2px solid transparent}}
.looking .picked {{border-color: #0072B2}}
.looking .word:hover {{border-color: #222}}
</style>"""


def look(record: Record, words: Sequence[str], steps: Sequence[int], start: str | None = None) -> None:
    """Show the viewer, and below it `looks` at the given words after the given steps."""
    show_live(viewer(record, words[0] if start is None else start))
    display(looks(record, words, steps))


def looks(record: Record, words: Sequence[str], steps: Sequence[int], **of) -> Picture:
    """Where the picture looks at each word, a row a step; each map is scaled to its own largest value."""
    drawn = {
        f"step {step}": [record.seen[step - 1]]
        + [heated(record.seen[step - 1], record.where(word, step, **of)) for word in words]
        for step in steps
    }
    return rows(drawn, ["its guess", *words], title="Which places look at which word")


def viewer(record: Record, start: str) -> ipywidgets.Widget:
    """Words to hover over or to pick, with a slider over the steps and a choice of layers."""
    count = len(record.seen)
    numbered = [(word, i) for i, word in enumerate(record.words)]
    pick = ipywidgets.SelectionSlider(
        options=numbered, value=record.place(start), description="word", continuous_update=True
    )
    step = ipywidgets.IntSlider(min=1, max=count, value=count, description="step")
    play = ipywidgets.Play(min=1, max=count, value=count, interval=FRAME)
    ipywidgets.link((play, "value"), (step, "value"))
    named = {"last layer": "last", "mean of all": None} | {short(name): name for name in record.maps.layers}
    layer = ipywidgets.Dropdown(options=named, description="layer")
    shown = ipywidgets.HTML()
    page = functools.cache(functools.partial(look_page, record))

    def redraw(_change=None):
        shown.value = page(pick.value, step.value, layer.value)

    for handle in (pick, step, layer):
        handle.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([ipywidgets.HBox([pick, layer]), ipywidgets.HBox([play, step]), shown])


def look_page(record: Record, picked: int, step: int, layer: str | None) -> str:
    """The picture at a step, the map of the picked word beside it, the sentence below, as HTML.

    The maps of all words are in it, hidden: hovering shows them without asking the kernel. A word is the more
    orange, the larger its share of all the attention is.
    """
    seen = record.seen[step - 1]
    spans = []
    for number, word in enumerate(record.words):
        where = record.where(number, step, layer)
        share = where.mean().item()
        spans.append(
            f'<span class="word{" picked" if number == picked else ""}" title="{share:.0%} of all attention"'
            f' style="background: rgba(213, 94, 0, {min(1.0, 1.5 * share):.2f})">'
            f'{escape(word)}<img alt="" src="{embedded(heated(seen, where))}"></span>'
        )
    picture = f'<img alt="what the network guesses at this step" src="{embedded(seen)}">'
    return f'{STYLE}<div class="looking">{picture}<div class="words">{" ".join(spans)}</div></div>'


def short(layer: str) -> str:
    """ "up, level 1, block 0" for the name of a layer."""
    parts = layer.split(".")
    return "middle" if parts[0] == "middle" else f"{parts[0]}, level {parts[1]}, block {parts[3]}"


def embedded(image: Tensor) -> str:
    """An image (3, H, W) in [-1, 1] as the address that a page shows it from."""
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(image).permute(1, 2, 0).numpy()).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
