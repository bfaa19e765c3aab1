"""Why a file failed, in one line: every exception of a file becomes this file's failure, and never ends the run."""

from __future__ import annotations

import logging
from pathlib import Path

from faceblur.base.errors import FaceblurError
from faceblur_function.defaults import ran_out_of_memory

NO_MEMORY = "the memory ran out: lower --jobs or --concurrency, or give the run more"
log = logging.getLogger("faceblur")


def why_failed(source: Path, error: Exception) -> str:
    """The reason that is reported for a file, without its name."""
    return why(error).removeprefix(f"{source}: ")


def why(error: Exception) -> str:
    """What is reported for an exception. One that is not in the tree of errors, nor of the system, is a bug of ours.

    Its traceback is logged at the level of -vv.
    """
    if isinstance(error, FaceblurError):
        return str(error)
    if ran_out_of_memory(error):
        return NO_MEMORY
    log.debug("failed", exc_info=error)
    if isinstance(error, OSError):  # as when it is removed, or its disk fails, while it is read
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}cannot be read or written: {error.strerror or error}"
    return f"internal error, a bug in faceblur: {type(error).__name__}: {error} (see -vv)"
