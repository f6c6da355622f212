"""The `ldm` command: train, sample, reconstruct, measure.

Nothing heavy is imported here: each command brings what it needs once it is called, so that `ldm --help`
answers at once.
"""

import importlib
import sys
import traceback
import warnings
from difflib import get_close_matches
from pathlib import Path

from ldm_tutorial import __version__

COMMANDS = {
    "demo": "draw portraits, faces and reconstructions with the bundled weights into one figure",
    "sample": "draw pictures with a diffusion model, from captions or attributes",
    "reconstruct": "send images through a first stage and back",
    "train": "train a recipe of the course, on its data or on your own images",
    "recipes": "list the recipes",
    "evaluate": "measure a checkpoint and keep the record",
    "compare": "measure how far two sets of images are apart: folders, data sets, or what checkpoints draw",
    "info": "say what is in a checkpoint",
    "data": "show image sets, check a folder of your own, draw Peeps anew",
}
HELP = """usage: ldm COMMAND [options]        ldm COMMAND --help explains one command

{commands}

for example:
  ldm sample peeps-ldm --prompt "a smiling person with a red beanie" --n 8
  ldm reconstruct peeps-kl-f4 --data peeps --n 8
  ldm train peeps-ldm --steps 2000 --run outputs/my-first-run
  ldm train peeps-kl-f4 --data.path my-photos --run outputs/my-first-stage
"""
USER_ERRORS = (ValueError, KeyError, TypeError, ImportError)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line (default: the program's own arguments); returns the exit code.

    0 it worked, 1 training met a NaN, 2 the request was wrong, 130 interrupted. What tyro refuses leaves
    as SystemExit(2).
    """
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help", "help"):
        width = max(map(len, COMMANDS))
        print(
            HELP.format(commands="\n".join(f"  {c:{width}}  {about}" for c, about in COMMANDS.items())),
            end="",
        )
        return 0
    if name == "--version":
        print(f"ldm-tutorial {__version__}")
        return 0
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        return fail(f"there is no command '{name}'; {hint}the commands are {', '.join(COMMANDS)}")
    with warnings.catch_warnings():
        warnings.showwarning = show_warning
        try:
            return importlib.import_module(f"ldm_tutorial.commands.{name}").main(rest) or 0
        except KeyboardInterrupt:
            return fail("interrupted", 130)
        except OSError as error:
            return fail(said(error))
        except USER_ERRORS as error:
            if not raised_by_us(error):
                raise
            return fail(said(error))


def fail(sentence: str, code: int = 2) -> int:
    print(f"ldm: {sentence}", file=sys.stderr)
    return code


def said(error: Exception) -> str:
    """The sentence of an exception; of the system's errors what happened and to which file."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error.args[0]) if error.args else type(error).__name__


def raised_by_us(error: Exception) -> bool:
    """True where the `raise` stands in this package: then its message is written for the user.

    Anything else is a fault of the program, and its traceback is wanted.
    """
    last = traceback.extract_tb(error.__traceback__)[-1]
    return Path(__file__).parent in Path(last.filename).parents


def show_warning(message, category, filename, lineno, file=None, line=None):  # noqa: ARG001
    print(f"ldm: warning: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
