"""Any folder of images, with captions where it has them."""

import hashlib
import os
import re
from collections import Counter
from functools import partial
from pathlib import Path

from datasets import ClassLabel, Dataset, Features, Image, Value

from ldm_tutorial.data.captions import caption_beside, read_captions
from ldm_tutorial.data.remember import content_hash, remember, stamp
from ldm_tutorial.data.splits import ALIASES, canonical, divide
from ldm_tutorial.data.table import Table

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif")


def natural(name: str) -> tuple[list, str]:
    """A sorting key by which 2.png comes before 10.png."""
    parts = re.split(r"([0-9]+)", name.lower())
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name


def find_images(folder: Path) -> list[Path]:
    """The image files below a folder, told by suffix, in natural order, without hidden files and folders."""
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, n) for n in files if n.lower().endswith(SUFFIXES) and not n.startswith(".")]
    return sorted(found, key=lambda file: natural(str(file.relative_to(folder))))


def split_folders(folder: Path) -> dict[str, Path]:
    """The subfolders that are splits: train, valid, validation, val, test."""
    names = {name: split for split, names in ALIASES.items() for name in names}
    return {
        names[p.name.lower()]: p for p in sorted(folder.iterdir()) if p.is_dir() and p.name.lower() in names
    }


def open_folder(folder: Path, split: str) -> Table:
    """The images of a folder and its subfolders, with `caption` and `label` where there are any.

    Splits are the subfolders train, valid, test; without them `splits.divide` divides by file name. Captions:
    see `read_captions` and `caption_beside`; images without one get the empty caption. Where every image lies
    in one of several subfolders, the subfolder is its label.
    Raises ValueError for a folder without images, saying what it holds, and for a split that is not there.
    """
    split = canonical(split)
    parts = split_folders(folder)
    if parts and split != "all" and split not in parts:
        raise ValueError(f"split '{split}' is not in {folder}; it has: {', '.join(parts)}")
    base = parts.get(split, folder)
    files = find_images(base)
    if not files:
        raise ValueError(f"{base} holds no images: found {_census(base)}; images end in {' '.join(SUFFIXES)}")
    if not parts:
        files = [files[i] for i in divide([str(file.relative_to(folder)) for file in files], split)]
    where = {folder, base, *(parts.values() if split == "all" else ())}
    captions, problems = read_captions(sorted(where))
    texts = [captions.get(file) or caption_beside(file) for file in files]

    columns = {"image": [{"bytes": None, "path": str(file)} for file in files]}
    features = Features({"image": Image(decode=False)})
    if any(texts):
        columns["caption"], features["caption"] = texts, Value("string")
    if base is not folder or not parts:
        labels = [file.relative_to(base).parts[0] for file in files if file.parent != base]
        names = sorted(set(labels), key=natural)
        if len(labels) == len(files) and len(names) > 1:
            columns["label"] = [names.index(label) for label in labels]
            features["label"] = ClassLabel(names=names)
    return Table(
        title=f"{folder} ({split})",
        dataset=Dataset.from_dict(columns, features=features),
        stamp=f"{split} {' '.join(map(stamp, files))}",
        identity=partial(images_identity, base, files, texts),
        skipped=problems,
    )


def images_identity(folder: Path, files: list[Path], notes: list[str | Path]) -> str:
    """A hash of the names and contents of image files, and of what else is known (texts, or files of it)."""
    texts = [content_hash(note) if isinstance(note, Path) else note for note in notes]

    def digest():
        names = [
            f"{file.relative_to(folder)} {hashlib.sha256(file.read_bytes()).hexdigest()}" for file in files
        ]
        return hashlib.sha256("\n".join(names + texts).encode()).hexdigest()

    return remember("\n".join(["images", *map(stamp, files), *texts]), digest)


def _census(folder: Path) -> str:
    files = [file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(".")]
    kinds = Counter(file.suffix.lower() or "without suffix" for file in files)
    return ", ".join(f"{n} {kind}" for kind, n in kinds.most_common(5)) or "no files at all"
