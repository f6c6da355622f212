"""Where the images and checkpoints that come with the course are."""

import os
from pathlib import Path


def bundled(name: str) -> Path:
    """The path of `data/<name>` of this checkout, or of the folder that LDM_DATA names.

    Raises FileNotFoundError, saying what to do, where it is not there.
    """
    root = Path(os.environ.get("LDM_DATA") or Path(__file__).parents[2] / "data")
    path = root / name
    if path.exists():
        return path
    present = ", ".join(sorted(p.name for p in root.iterdir())) if root.is_dir() else "no such folder"
    raise FileNotFoundError(
        f"bundled data '{name}' is not in {root} ({present}); run from a git clone of the course, "
        "or set LDM_DATA to the clone's data folder"
    )
