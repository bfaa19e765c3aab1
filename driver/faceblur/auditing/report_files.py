"""Writes the files of a report: all of a file or nothing, also where another audit writes the same one."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from faceblur.base.atomic_files import write_complete
from faceblur.base.errors import UsageError

# For so many seconds an audit waits, in steps, until another one has written the same file.
PATIENCE, STEP = 10.0, 0.05


def check_writable(folder: Path) -> None:
    """Say before the work that no report can be written into a folder. Raises UsageError."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise _refused(folder, error) from error


def write_report(path: Path, content: bytes) -> None:
    """Write a file of a report. Raises UsageError where that cannot be done."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            write_complete(path, content)
            return
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise _refused(path.parent, error) from error
        except OSError as error:
            raise _refused(path.parent, error) from error
        time.sleep(STEP)


def _refused(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"the report cannot be written into {folder}: {error.strerror}: copy the output to a folder that has room "
        "and can be written, and audit it there"
    )
