"""Progress that a reader watches and a stored page forgets."""

import time
from html import escape

import ipywidgets

from ldm_tutorial.classroom.style import Picture
from ldm_tutorial.classroom.widgets import show_live, shown


class Live:
    """A progress bar with a line of text and a picture: `with Live(300, "training") as live: ...`.

    It is shown through a widget, and so leaves no trace in the stored notebook.
    """

    def __init__(self, total: int, label: str):
        self.total = total
        self.bar = ipywidgets.IntProgress(
            max=total, description=label, style={"description_width": "initial"}
        )
        self.line = ipywidgets.HTML()
        self.image = shown()
        self.image.layout.display = "none"
        self.started = time.perf_counter()

    def __enter__(self):
        show_live(ipywidgets.VBox([ipywidgets.HBox([self.bar, self.line]), self.image]))
        return self

    def __exit__(self, *error):
        if error[0] is None:
            self.bar.bar_style = "success"
        return False

    def step(self, done: int, text: str = "") -> None:
        """Move the bar to `done` and show `text` with the time left."""
        spent = time.perf_counter() - self.started
        left = spent / max(done, 1) * (self.total - done)
        self.bar.value = done
        self.line.value = escape(f"{done}/{self.total}  {text}  {spent:.0f} s, {left:.0f} s left")

    def show(self, picture: Picture) -> None:
        """Replace the picture below the bar."""
        self.image.value = picture.png
        self.image.layout.display = "block"


def say_live(text: str) -> None:
    """Show text that depends on the machine (seconds, cores, GPU) without storing it in the page."""
    show_live(ipywidgets.HTML(f"<pre style='line-height:1.35'>{escape(text)}</pre>"))
