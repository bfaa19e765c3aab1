"""The file of SHA-256 sums in a release, in the form of GNU `sha256sum`, whose `--check` reads it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from faceblur.base.atomic_files import write_complete
from faceblur.base.errors import UsageError

NAME = "SHA256SUMS"


def read_sums(folder: Path) -> dict[str, str]:
    """The sums of a release by the paths below it; none where there is no such file. Raises UsageError, OSError."""
    path = folder / NAME
    sums = {}
    try:
        lines = os.fsdecode(path.read_bytes()).split("\n")
    except FileNotFoundError:
        return {}
    for line in filter(None, lines):
        sha256, gap, name = line.removeprefix("\\").partition("  ")
        if len(sha256) != 64 or not gap or not name:
            raise UsageError(f"{path}: not a file of SHA-256 sums: move it away, or choose another folder")
        sums[_unescaped(name) if line.startswith("\\") else name] = sha256
    return sums


def write_sums(folder: Path, sums: Mapping[str, str]) -> None:
    """Write the sums, by path. Raises OSError."""
    content = "".join(_line(name, sha256) for name, sha256 in sorted(sums.items()))
    write_complete(folder / NAME, os.fsencode(content))


def _line(name: str, sha256: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "" if escaped == name else "\\"
    return f"{mark}{sha256}  {escaped}\n"


def _unescaped(name: str) -> str:
    kept = name.replace("\\\\", "\0")  # which no name has
    return kept.replace("\\n", "\n").replace("\\r", "\r").replace("\0", "\\")
