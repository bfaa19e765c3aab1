"""Which files an audit is of: the SHA-256 of each, complete."""

from __future__ import annotations

import hashlib
from pathlib import Path

from faceblur.auditing.report import FileDigests
from faceblur.base.regular_files import check_regular
from faceblur.redaction.sidecar_format import edits_path


def file_digests(output: Path, sidecar: Path) -> FileDigests:
    """The digests of an output, its sidecar and its edits. Raises OSError."""
    return FileDigests(output=sha256_of(output), sidecar=sha256_of(sidecar), edits=sha256_of(edits_path(sidecar)))


def sha256_of(path: Path) -> str | None:
    """The SHA-256 of a file; None: there is none. Raises OSError."""
    try:
        check_regular(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
