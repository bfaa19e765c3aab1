"""Copies an output into the folder of a release: the very bytes that were audited, or nothing."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

from faceblur.base.atomic_files import AtomicFile
from faceblur.releasing.conditions import NotReleasable

CHUNK = 4 << 20
NOT_AUDITED = "it is not the file that was audited: audit it again"
OnBytes = Callable[[int], None]


class TargetTaken(NotReleasable):
    """Something else has the place of the copy."""


class Stopped(Exception):
    """The release was interrupted."""


def copy_checked(output: Path, target: Path, sha256: str, on_bytes: OnBytes, stop: Event, *, overwrite: bool) -> bool:
    """Copy an output of this SHA-256, unless its copy is there already; returns whether it was not.

    What is not this file gets no temporary copy either: one that is killed stays in the folder. `on_bytes` gets how
    many bytes were read since the last call: those of the output twice. Raises NotReleasable where the output is
    another one by now, TargetTaken where another file is not to be replaced; OSError; Stopped once `stop` is set.
    """
    if _sha256(output, on_bytes, stop) != sha256:
        raise NotReleasable(NOT_AUDITED)
    if os.path.lexists(target):
        if stat.S_ISREG(target.lstat().st_mode) and _sha256(target, on_bytes, stop) == sha256:
            return False
        if not overwrite:
            raise TargetTaken(f"{target} is another file: --overwrite replaces it")
    target.parent.mkdir(parents=True, exist_ok=True)
    copy = AtomicFile(target)
    try:
        digest = hashlib.sha256()
        for chunk in _chunks(output, on_bytes, stop):
            digest.update(chunk)
            copy.file.write(chunk)
        if digest.hexdigest() != sha256:
            raise NotReleasable(NOT_AUDITED)
        copy.finish()
    finally:
        copy.abort()
    return True


def _sha256(path: Path, on_bytes: OnBytes, stop: Event) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(path, on_bytes, stop):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path, on_bytes: OnBytes, stop: Event) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if stop.is_set():
                raise Stopped
            yield chunk
            on_bytes(len(chunk))
