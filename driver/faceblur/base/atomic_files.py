"""Outputs that are complete or absent: temporary names, locks, and the removal of what a killed run left."""

from __future__ import annotations

import fcntl
import hashlib
import os
from pathlib import Path

TEMPORARY_SUFFIX = ".faceblur-part"
LONGEST_NAME = 255  # bytes, of the usual file systems


def fitting_name(name: str, suffix: str) -> str:
    """`name + suffix`; where that is too long for a file system, a digest of the name replaces the name's end."""
    if len(os.fsencode(name + suffix)) <= LONGEST_NAME:
        return name + suffix
    encoded = os.fsencode(name)
    digest = f"~{hashlib.sha256(encoded).hexdigest()[:16]}"
    room = LONGEST_NAME - len(os.fsencode(digest + suffix))
    # Not in the middle of a character.
    return encoded[:room].decode("utf-8", "ignore") + digest + suffix


def temporary_path(path: Path) -> Path:
    """Where a file is written until it is complete: in the same folder, hidden."""
    # Not the name itself: with a suffix more it may be too long.
    return path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}{TEMPORARY_SUFFIX}")


def remove_stale(folder: Path) -> list[Path]:
    """Remove the temporary files below a folder that no running process holds. Returns what was removed."""
    removed = []
    for path in sorted(folder.rglob(f".*{TEMPORARY_SUFFIX}")):
        if not path.is_file():
            continue
        with path.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            path.unlink()
            removed.append(path)
    return removed


def fsync_folder(folder: Path) -> None:
    """Flush a folder to the disk: a rename in it survives a power cut then."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_complete(path: Path, content: bytes) -> None:
    """Write a file so that it has either all of its content or does not exist. Raises OSError."""
    temporary = temporary_path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with temporary.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # or a run beside this one removes it as stale
        try:
            file.truncate(0)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
    fsync_folder(path.parent)
