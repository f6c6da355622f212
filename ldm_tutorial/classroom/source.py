"""Shows the tested source itself, so that what a lesson teaches is what runs."""

import inspect
import textwrap
from dataclasses import dataclass
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

import ldm_tutorial

ROOT = Path(ldm_tutorial.__file__).resolve().parent.parent


@dataclass(frozen=True)
class Source:
    """A piece of the package with the place it stands in; a notebook shows it highlighted."""

    place: str
    code: str

    def __repr__(self):
        return f"# {self.place}\n{self.code}"

    def _repr_html_(self):
        # Colours are written into the page (no style sheet): the same on GitHub, in JupyterLab and in print.
        lexer = PythonLexer(stripnl=False)
        body = highlight(self.code, lexer, HtmlFormatter(noclasses=True, style="default", nowrap=True))
        frame = (
            "border-left:3px solid #0072B2;padding:0.4em 0.8em;background:#f8f8f8;color:#222;overflow-x:auto"
        )
        head = f'<div style="color:#555;font-size:90%">{self.place}</div>'
        return f'{head}<pre style="{frame};line-height:1.35">{body.rstrip()}</pre>'


def show_source(thing, inside: str | None = None) -> Source:
    """The source of a function, method, class, instance (its class) or module of the package.

    inside: the name of a function that is defined in the body of `thing`, a function, to show that one alone.
    Raises ValueError where there is no such function, or `thing` has no Python source in the repository.
    """
    target = _target(thing)
    if inside is not None:
        target = _defined_in(target, inside)
    try:
        lines, first = inspect.getsourcelines(target)
        path = Path(inspect.getsourcefile(target)).resolve()
    except (TypeError, OSError) as error:
        raise ValueError(
            f"{thing!r} has no Python source to show; give a function, class or module"
        ) from error
    if not path.is_relative_to(ROOT):
        raise ValueError(
            f"{getattr(target, '__name__', thing)!r} is not part of ldm_tutorial; show_source shows only it"
        )
    first = max(first, 1)  # inspect counts a module from 0
    place = f"{path.relative_to(ROOT).as_posix()}, lines {first}-{first + len(lines) - 1}"
    return Source(place, textwrap.dedent("".join(lines)))


def _target(thing):
    if isinstance(thing, property):
        return thing.fget
    if hasattr(thing, "__wrapped__"):
        return inspect.unwrap(thing)
    if inspect.ismodule(thing) or inspect.isclass(thing) or inspect.isroutine(thing):
        return thing
    return type(thing)


def _defined_in(function, name):
    parts = getattr(getattr(function, "__code__", None), "co_consts", ())
    for part in parts:
        if inspect.iscode(part) and part.co_name == name:
            return part
    raise ValueError(f"{getattr(function, '__name__', function)!r} defines no function {name!r} inside it")
