"""The file of SHA-256 sums in a release, in the form of GNU `sha256sum`, whose `--check` reads it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from faceblur.base.atomic_files import AtomicFile
from faceblur.base.errors import UsageError
from faceblur.base.regular_files import check_regular

NAME = "SHA256SUMS"
LONGEST_LINE = 10_000  # bytes: a path has at most 4096, which may be escaped


@contextmanager
def open_sums(folder: Path) -> Iterator[dict[str, str]]:
    """The sums of a release by the paths below it, to be changed: written at the end, unless there is an error.

    The folder is made. While they are open, no other release can open them. Raises UsageError.
    """
    with _as_usage_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = AtomicFile(folder / NAME)
    try:
        with _as_usage_error(folder):
            sums = read_sums(folder)
        yield sums
        with _as_usage_error(folder):
            if sums or (folder / NAME).exists():
                file.file.write(as_text(sums))
                file.finish()
    finally:
        file.abort()


def read_sums(folder: Path) -> dict[str, str]:
    """The sums of a release by the paths below it; none where there is no such file. Raises UsageError, OSError."""
    path = folder / NAME
    sums = {}
    try:
        check_regular(path)
        file = path.open("rb")
    except FileNotFoundError:
        return {}
    with file:
        while content := file.readline(LONGEST_LINE):
            line = os.fsdecode(content).removesuffix("\n")
            sha256, gap, name = line.removeprefix("\\").partition("  ")
            if len(sha256) != 64 or not gap or not name:
                raise UsageError(f"{path}: not a file of SHA-256 sums: move it away, or choose another folder")
            sums[_unescaped(name) if line.startswith("\\") else name] = sha256
    return sums


def as_text(sums: Mapping[str, str]) -> bytes:
    """The content of the file."""
    return os.fsencode("".join(_line(name, sha256) for name, sha256 in sorted(sums.items())))


def _line(name: str, sha256: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "" if escaped == name else "\\"
    return f"{mark}{sha256}  {escaped}\n"


def _unescaped(name: str) -> str:
    kept = name.replace("\\\\", "\0")  # which no name has
    return kept.replace("\\n", "\n").replace("\\r", "\r").replace("\0", "\\")


@contextmanager
def _as_usage_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except BlockingIOError as error:
        raise UsageError(f"{folder}: another release writes into it: wait for its end") from error
    except OSError as error:
        raise UsageError(f"{folder / NAME}: cannot be read or written: {error.strerror}") from error
