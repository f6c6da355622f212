"""Captions that lie beside images in files."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

CAPTION_FILES = ("captions.csv", "captions.jsonl", "metadata.csv", "metadata.jsonl")
FILE_KEYS = ("file_name", "file", "image")
TEXT_KEYS = ("caption", "text")


def read_captions(folders: list[Path]) -> tuple[dict[Path, str], list[str]]:
    """Image path -> caption from the caption files in some folders, and what they name that is not there.

    captions.csv has a header `file_name,caption` (or `text`), captions.jsonl an object with these keys on
    each line; metadata.csv and metadata.jsonl, the names that `datasets` knows, are read alike. Names are
    relative to the file's folder. Of several captions of one image the first counts.
    Raises ValueError for a file without these columns.
    """
    captions: dict[Path, str] = {}
    problems: list[str] = []
    for file in (folder / name for folder in folders for name in CAPTION_FILES):
        if not file.is_file():
            continue
        for line, record in _records(file, problems):
            name = next((record[key] for key in FILE_KEYS if key in record), None)
            text = next((record[key] for key in TEXT_KEYS if key in record), None)
            if name is None or text is None:
                raise ValueError(
                    f"{file} line {line} has {', '.join(map(str, record)) or 'nothing'}; "
                    "each line needs file_name and caption (or text)"
                )
            if (file.parent / str(name)).is_file():
                captions.setdefault(file.parent / str(name), str(text).strip())
            else:
                problems.append(f"{file.name} line {line}: names a missing image, {name}")
    return captions, problems


def caption_beside(image: Path) -> str:
    """The text of `cat.txt` for `cat.jpg`; empty without one."""
    file = image.with_suffix(".txt")
    return " ".join(file.read_text("utf-8", errors="replace").split()) if file.is_file() else ""


def _records(file: Path, problems: list[str]) -> Iterator[tuple[int, dict]]:
    # utf-8-sig drops the mark that spreadsheets put at the start of a csv file.
    with open(file, encoding="utf-8-sig", errors="replace", newline="") as stream:
        if file.suffix == ".csv":
            reader = csv.DictReader(stream, restval="")
            for record in reader:
                yield reader.line_num, record
            return
        for line, text in enumerate(stream, start=1):
            try:
                record = json.loads(text) if text.strip() else None
            except json.JSONDecodeError as error:
                problems.append(f"{file.name} line {line}: not JSON ({error.msg})")
                continue
            if isinstance(record, dict):
                yield line, record
            elif record is not None:
                problems.append(f"{file.name} line {line}: not an object with file_name and caption")
