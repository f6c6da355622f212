"""Runs the lessons from top to bottom and stores their outputs.

`python -m ldm_tutorial.classroom.execute notebooks` runs all, `... execute notebooks 00 08` only those two.
A lesson that fails, warns, writes to stderr or grows too large is reported and left as it was.
"""

import argparse
import base64
import io
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from PIL import Image

CELL_TIMEOUT = 120  # seconds
LARGEST = 1_500_000  # bytes
WIDGETS = ("application/vnd.jupyter.widget-view+json", "application/vnd.jupyter.widget-state+json")
MACHINE_PATH = re.compile(
    r"(?<![\w.:/])(?:/(?:home|root|Users|tmp|work|mnt|content|private|opt|usr|var)/|[A-Z]:\\)[\w.\-/\\]+"
)


class NotebookError(Exception):
    """A lesson did not run cleanly; the message names the cell and the reason."""


def main(arguments=None) -> int:
    """Execute the lessons of a folder; returns the number that failed."""
    parser = argparse.ArgumentParser(prog="python -m ldm_tutorial.classroom.execute", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder with the notebooks")
    parser.add_argument(
        "names", nargs="*", help="the lessons to run, by the beginning of their names (default: all)"
    )
    parser.add_argument("--timeout", type=int, default=CELL_TIMEOUT, help="seconds a cell may take")
    options = parser.parse_args(arguments)
    failed = 0
    for path in lessons(options.folder, options.names):
        started = time.perf_counter()
        try:
            execute(path, options.timeout)
        except NotebookError as error:
            failed += 1
            print(f"FAILED  {path.name}: {error}", file=sys.stderr)
        else:
            size = path.stat().st_size / 1e6
            print(f"stored  {path.name}: {time.perf_counter() - started:.0f} s, {size:.2f} MB", flush=True)
    return failed


def lessons(folder: Path, names=()) -> list[Path]:
    """The notebooks of a folder in teaching order, all or those whose names begin with one of `names`."""
    found = sorted(path for path in folder.glob("*.ipynb") if not path.name.startswith("."))
    for name in names:
        if not any(path.name.startswith(name) for path in found):
            raise SystemExit(
                f"no notebook in {folder} begins with {name!r}; there are {[p.stem for p in found]}"
            )
    return [path for path in found if not names or any(path.name.startswith(name) for name in names)]


def execute(path: Path, timeout: int = CELL_TIMEOUT) -> None:
    """Run one notebook in a fresh kernel and store it in place, cleaned.

    Raises NotebookError, and leaves the file alone, where it does not run cleanly.
    """
    notebook = nbformat.read(path, as_version=4)
    name_cells(notebook)
    client = NotebookClient(
        notebook,
        timeout=timeout,
        kernel_name="python3",
        extra_arguments=["--Application.log_level=40"],  # errors only: that it speaks TCP is no news here
        record_timing=False,
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except CellTimeoutError as error:
        raise NotebookError(f"a cell took longer than {timeout} s") from error
    except CellExecutionError as error:
        raise NotebookError(f"a cell raised {error.ename}: {error.evalue}") from error
    except DeadKernelError as error:
        raise NotebookError("the kernel died (out of memory?)") from error
    clean(notebook)
    if problems := faults(notebook):
        raise NotebookError("; ".join(problems))
    text = nbformat.writes(notebook)
    if len(text.encode()) > LARGEST:
        raise NotebookError(
            f"{len(text.encode()) / 1e6:.2f} MB is more than the {LARGEST / 1e6:g} MB a lesson may have"
        )
    temporary = path.with_suffix(".ipynb.tmp")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def name_cells(notebook) -> None:
    """Give cells ids that follow their position, so that running again changes nothing."""
    for place, cell in enumerate(notebook.cells):
        cell["id"] = f"{cell.cell_type}-{place:02d}"


def clean(notebook) -> None:
    """Remove what only this run knows (widgets, timings, versions of the kernel), and shrink the pictures."""
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k == "tags"})
        if cell.cell_type != "code":
            continue
        cell.outputs = [output for output in cell.outputs if not set(output.get("data", ())) & set(WIDGETS)]
        for output in cell.outputs:
            if "metadata" in output:
                output["metadata"] = {}
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = base64.b64encode(shrink(output.data["image/png"])).decode()


def shrink(encoded: str) -> bytes:
    """A PNG (base64) in 256 colours of its own, a third of the size; as it was where that is no smaller."""
    png = base64.b64decode(encoded)
    image = Image.open(io.BytesIO(png))
    if image.mode == "P":
        return png
    # Maximum coverage keeps rare colours (one purple shirt among brown hair), k-means then fits the frequent.
    image = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return min(png, buffer.getvalue(), key=len)


def faults(notebook) -> list[str]:
    """What must not be in a stored lesson, one sentence each."""
    found = []
    if "widgets" in notebook.metadata:
        found.append("widget state is stored")
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        where = f"cell {place}"
        if cell.source.strip() and cell.execution_count is None:
            found.append(f"{where} was never run")
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"{where} raised {output.ename}: {output.evalue}")
            elif output.get("name") == "stderr":
                found.append(f"{where} wrote to stderr: {output.text.strip()[:200]}")
            if set(output.get("data", ())) & set(WIDGETS):
                found.append(f"{where} stores a widget")
            paths = [MACHINE_PATH.search(text) for text in _texts(output)]
            found += [f"{where} prints a path of this machine: {path[0]}" for path in paths if path]
    return found


def _texts(output):
    if "text" in output:
        yield output.text
    for kind, data in output.get("data", {}).items():
        if kind.startswith("text/") or kind.endswith("json"):
            yield data if isinstance(data, str) else str(data)


if __name__ == "__main__":
    sys.exit(main())
