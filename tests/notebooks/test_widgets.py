"""What the widgets of a lesson need is still there when a reader moves them, after all cells have run."""

import symtable
from pathlib import Path

import nbformat
import pytest

LESSONS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
WIDGETS = {"explore", "choose", "drag", "look"}


def cells_of(path):
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return [symtable.symtable(source, f"cell {number}", "exec") for number, source in enumerate(cells)]


def given(table):
    """The names to which a cell gives a meaning."""
    return {
        s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported() or s.is_namespace()
    }


def read_later(table):
    """The names of the notebook that a function reads when it is called, also those inside of it."""
    names = {s.get_name() for s in table.get_symbols() if s.is_global()}
    return names.union(*(read_later(inner) for inner in table.get_children()))


def reached(cells, widget):
    """The names that a widget's functions read when it is moved, directly or through other functions."""
    functions = {inner.get_name(): inner for cell in cells for inner in cell.get_children()}
    used = {s.get_name() for s in cells[widget].get_symbols() if s.is_referenced()}
    waiting = {name for inner in cells[widget].get_children() for name in read_later(inner)}
    waiting |= {name for known in used & functions.keys() for name in read_later(functions[known])}
    names = set()
    while waiting:
        name = waiting.pop()
        names.add(name)
        if name in functions:
            waiting |= read_later(functions[name]) - names
    return names


def taken_away(cells):
    """(cell, name) where a later cell gives another meaning to what a widget above it reads."""
    for widget, cell in enumerate(cells):
        if WIDGETS & {s.get_name() for s in cell.get_symbols() if s.is_referenced()}:
            needed = reached(cells, widget)
            later = set().union(*(given(below) for below in cells[widget + 1 :]))
            yield from ((widget, name) for name in sorted(needed & later))


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_no_later_cell_takes_away_what_a_widget_reads(path):
    assert list(taken_away(cells_of(path))) == [], "rename one of the two: a moved widget would fail unseen"


def test_it_is_noticed():
    sources = ["drawn = {1: 2}", "def at(w):\n    return drawn[w]\nexplore(at, [1])", "drawn = {}"]
    cells = [symtable.symtable(source, "cell", "exec") for source in sources]
    assert list(taken_away(cells)) == [(1, "drawn")]
