"""Why a file failed, in one line: every exception of a file becomes this file's failure, and never ends the run."""

from __future__ import annotations

import logging
from pathlib import Path

from faceblur.base.errors import FaceblurError

log = logging.getLogger("faceblur")


def why_failed(source: Path, error: Exception) -> str:
    """The reason that is reported for a file. An exception that is not in the tree of errors is a bug of ours.

    Its traceback is logged at the level of -vv.
    """
    if isinstance(error, FaceblurError):
        return str(error).removeprefix(f"{source}: ")
    if isinstance(error, MemoryError):
        return "the memory ran out: lower --jobs or --concurrency, or give the run more"
    log.debug("%s failed", source, exc_info=error)
    return f"internal error, a bug in faceblur: {type(error).__name__}: {error} (see -vv)"
