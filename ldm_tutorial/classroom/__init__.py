"""What only the notebooks need: pictures, curves, widgets, exercises, gates.

Everything that draws returns a `Picture`, which a cell shows when it is the last line; everything that speaks
prints. The package itself never imports this folder.
"""

from ldm_tutorial.classroom.cards import show_card
from ldm_tutorial.classroom.curves import bars, curves
from ldm_tutorial.classroom.exercises import Exercise, Mistake, check
from ldm_tutorial.classroom.experiments import (
    Experiment,
    experiment,
    of_mechanisms,
    over_guidance,
    over_steps,
)
from ldm_tutorial.classroom.gate import GateNotPassedError, gate
from ldm_tutorial.classroom.machine import best_device, check_machine
from ldm_tutorial.classroom.panels import panels
from ldm_tutorial.classroom.pictures import grid, maps, rows, strip
from ldm_tutorial.classroom.plane import paths, scatter
from ldm_tutorial.classroom.progress import Live, say_live
from ldm_tutorial.classroom.source import show_source
from ldm_tutorial.classroom.style import COLOURS, Picture
from ldm_tutorial.classroom.tables import table
from ldm_tutorial.classroom.timer import Timer
from ldm_tutorial.classroom.trained import of_families, over_minutes
from ldm_tutorial.classroom.watch import watch
from ldm_tutorial.classroom.widgets import explore

__all__ = [
    "COLOURS",
    "Exercise",
    "Experiment",
    "GateNotPassedError",
    "Live",
    "Mistake",
    "Picture",
    "Timer",
    "bars",
    "best_device",
    "check",
    "check_machine",
    "curves",
    "experiment",
    "explore",
    "gate",
    "grid",
    "maps",
    "of_families",
    "of_mechanisms",
    "over_guidance",
    "over_minutes",
    "over_steps",
    "panels",
    "paths",
    "rows",
    "say_live",
    "scatter",
    "show_card",
    "show_source",
    "strip",
    "table",
    "watch",
]
