"""`make demo`: everything the bundled weights can do, in one figure and one table."""

from ldm_tutorial.demo.everything import FACES, draw_faces, legible, run, watched
from ldm_tutorial.demo.report import Stage, table

__all__ = ["FACES", "Stage", "draw_faces", "legible", "run", "table", "watched"]
