"""Files and folders that are either whole or not there."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_file(path: Path):
    """Yield a temporary path beside `path`; on success it takes its place in one rename."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path):
    """Yield a temporary folder beside `path`; on success it takes its place by renaming."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    for left_by_a_kill in path.parent.glob(f".{path.name}.*.partial"):
        shutil.rmtree(left_by_a_kill)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.iterdir():
            sync(file)
        if path.exists():
            replaced = path.with_name(f".{path.name}.{os.getpid()}.old")
            os.replace(path, replaced)
            os.replace(temporary, path)
            shutil.rmtree(replaced)
        else:
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sync(path: Path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())
