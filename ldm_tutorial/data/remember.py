"""Answers that take long and change only when files do, kept in a small JSON file each."""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_folder() -> Path:
    """Where answers are kept: LDM_CACHE, or `~/.cache/ldm_tutorial`. It may be deleted at any time."""
    return Path(os.environ.get("LDM_CACHE") or Path.home() / ".cache" / "ldm_tutorial")


def stamp(file: Path) -> str:
    """What changes when a file is written: its full path, size and time (none for a broken link)."""
    if not file.exists():
        return f"{file} missing"
    status = file.stat()
    return f"{file.resolve()} {status.st_size} {status.st_mtime_ns}"


def remember(key: str, compute: Callable[[], object]):
    """`compute()`, or the answer (plain JSON values) that it gave for the same key before."""
    file = cache_folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        answer = compute()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as temporary:
            json.dump(answer, temporary)
        os.replace(temporary.name, file)
    except OSError:
        pass  # A read-only or full disk costs the time again, nothing else.
    return answer


def content_hash(file: Path) -> str:
    """The SHA-256 of a file's bytes, remembered by its path, size and time."""

    def digest():
        with open(file, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    return remember(f"sha256 {stamp(file)}", digest)
