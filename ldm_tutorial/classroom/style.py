"""The one look of every figure of the course."""

import io
import logging
from dataclasses import dataclass
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

# On a fresh machine matplotlib says on stderr that it builds its font cache: noise in a stored page.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)

# Okabe and Ito (2008), "Color Universal Design": told apart with every common form of colour blindness.
# Yellow is left out: it is too pale for a line on white.
COLOURS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermillion": "#D55E00",
    "sky": "#56B4E9",
    "purple": "#CC79A7",
    "black": "#000000",
}
INK = "#222222"
DPI = 100

RC = {
    "font.family": "DejaVu Sans",  # ships with matplotlib, so that a figure is the same on every machine
    "font.size": 13,
    "axes.titlesize": 15,
    "axes.labelsize": 14,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "lines.linewidth": 2.2,
    "lines.markersize": 6,
    "legend.frameon": False,
    "figure.facecolor": "white",
}


def styled():
    """Context manager under which figures are made: `with styled(): ...`; nothing global is changed."""
    return matplotlib.rc_context(RC)


@dataclass(frozen=True)
class Picture:
    """A finished figure: its PNG and one sentence that says what it shows.

    A notebook shows it as an image, with the sentence as the text for readers who cannot see it.
    """

    png: bytes
    description: str

    def _repr_mimebundle_(self, **_):
        return {"image/png": self.png, "text/plain": self.description}

    def __repr__(self):
        return self.description

    def save(self, path):
        """Write the PNG to `path`."""
        Path(path).write_bytes(self.png)


def picture(figure: Figure, description: str) -> Picture:
    """The PNG of a matplotlib figure; the same bytes for the same figure and versions."""
    buffer = io.BytesIO()
    with styled():
        figure.savefig(
            buffer,
            dpi=DPI,
            bbox_inches="tight",
            pad_inches=0.12,
            metadata={"Software": None},
            pil_kwargs={"optimize": True},
        )
    return Picture(buffer.getvalue(), description)
