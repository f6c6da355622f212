"""CelebA as its authors give it out: a folder of aligned 178x218 pictures with lists beside it."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from datasets import Dataset, Features, Image, List, Value

from ldm_tutorial.data.folder import find_images, images_identity
from ldm_tutorial.data.remember import stamp
from ldm_tutorial.data.splits import canonical
from ldm_tutorial.data.table import Table

# The official split: by the number in the file name, every person on one side (Liu et al., 2015).
LAST_OF_SPLIT = {"train": 162_770, "valid": 182_637, "test": 202_599}


def aligned_folder(path: Path) -> Path | None:
    """The folder of aligned pictures at or below a path; None if it is none of CelebA's."""
    for folder in (path / "img_align_celeba" / "img_align_celeba", path / "img_align_celeba", path):
        if folder.name == "img_align_celeba" and folder.is_dir() and any(folder.glob("*.jpg")):
            return folder
    return None


def find_celeba(name: str) -> Path | None:
    """A copy on this disk: where LDM_CELEBA points, or `../shared/data/<name>` beside the checkout."""
    if os.environ.get("LDM_CELEBA"):
        return Path(os.environ["LDM_CELEBA"])
    beside = Path(__file__).parents[3] / "shared" / "data" / name
    return beside if beside.is_dir() else None


def open_celeba(pictures: Path, split: str) -> Table:
    """One official split of the aligned pictures, with 40 attributes where their list is there.

    `list_attr_celeba.txt` (the authors' form) or .csv is looked for beside the folder of the pictures, one
    folder above, and in `Anno`.
    Raises ValueError for a split other than train, valid, test, one without pictures, or an uneven list.
    """
    split = canonical(split)
    if split not in LAST_OF_SPLIT:
        raise ValueError(f"split '{split}' is not in CelebA; it has: {', '.join(LAST_OF_SPLIT)}")
    last = LAST_OF_SPLIT[split]
    first = max((end for end in LAST_OF_SPLIT.values() if end < last), default=0) + 1
    files = [f for f in find_images(pictures) if f.stem.isdigit() and first <= int(f.stem) <= last]
    if not files:
        raise ValueError(f"{pictures} has no picture of split '{split}', the numbers {first} to {last}")
    columns = {"image": [{"bytes": None, "path": str(file)} for file in files]}
    features = Features({"image": Image(decode=False)})
    listed, names = attribute_list(pictures), ()
    if listed is not None:
        names, rows = read_attributes(listed)
        columns["attributes"] = [rows.get(file.stem) for file in files]
        features["attributes"] = List(Value("bool"))
    beside = [] if listed is None else [listed]
    return Table(
        title=f"{pictures} ({split})",
        dataset=Dataset.from_dict(columns, features=features),
        stamp=f"{split} {' '.join(map(stamp, files + beside))}",
        identity=partial(images_identity, pictures, files, beside),
        attribute_names=names,
    )


def attribute_list(pictures: Path) -> Path | None:
    """The list of attributes that belongs to a folder of pictures, if there is one."""
    above = pictures.parent
    folders = (above, above.parent, above / "Anno", above.parent / "Anno")
    files = [folder / f"list_attr_celeba{suffix}" for folder in folders for suffix in (".txt", ".csv")]
    return next((file for file in files if file.is_file()), None)


def read_attributes(file: Path) -> tuple[tuple[str, ...], dict[str, list[bool]]]:
    """The attribute names, and for each picture (without suffix) whether it has them (1) or not (-1)."""
    lines = _cells(file)
    names = next(lines)
    if len(names) == 1:  # The authors' list begins with the number of pictures.
        names = next(lines)
    names = tuple(name for name in names if name != "image_id")
    rows = {cells[0].split(".")[0]: [cell == "1" for cell in cells[1:]] for cells in lines}
    short = next((name for name, values in rows.items() if len(values) != len(names)), None)
    if short is not None:
        raise ValueError(f"{file}: picture {short} has {len(rows[short])} values for {len(names)} attributes")
    return names, rows


def _cells(file: Path) -> Iterator[list[str]]:
    for line in file.read_text().splitlines():
        if line.strip():
            yield line.replace(",", " ").split()
