"""Outputs that are complete or absent: temporary names, locks, and the removal of what a killed run left."""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import suppress
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


class AtomicFile:
    """A file that gets its name by `finish`, once it is complete: until then it has a temporary name beside it.

    `file` is open for appending, and locked: else a run beside this one would remove it as stale. Raises OSError:
    BlockingIOError while another run writes the same file.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.temporary = path, temporary_path(path)
        self.file = self.temporary.open("ab")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.file.truncate(0)
        except OSError:
            self.file.close()
            raise

    def finish(self) -> None:
        """Flush the file to the disk and give it its name; both survive a power cut then. On an error it is removed."""
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            os.replace(self.temporary, self.path)
            _fsync_folder(self.path.parent)
        except OSError:
            self.abort()
            raise
        self.file.close()

    def abort(self) -> None:
        """Remove the temporary file. Does nothing after `finish`."""
        if not self.file.closed:
            self.temporary.unlink(missing_ok=True)
            with suppress(OSError):  # the disk has no room for its last bytes, which are removed anyway
                self.file.close()


def write_complete(path: Path, content: bytes) -> None:
    """Write a file so that it has either all of its content or does not exist. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    output = AtomicFile(path)
    try:
        output.file.write(content)
        output.finish()
    finally:
        output.abort()


def _fsync_folder(folder: Path) -> None:
    """Flush a folder to the disk: a rename in it survives a power cut then."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
