"""`python -m faceblur`, and the entry point of `faceblur`."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType


def start() -> None:
    """Run the command line. A Ctrl-C while its packages are loaded ends the process with one line."""
    # What is loaded stays: collecting garbage in it would take a third of the time. `execute` goes on collecting.
    gc.disable()
    # Not KeyboardInterrupt: amid the loading of a package it may become another exception.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    from faceblur.base.errors import UsageError
    from faceblur.jobs import crash_guard, failure

    if crash_guard.VARIABLE in os.environ:
        crash_guard.begin_child()
    elif sys.argv[1:2] in (["run"], ["work"], ["plan"]):
        sys.exit(crash_guard.start([sys.executable, "-P", "-m", "faceblur", *sys.argv[1:]]))
    try:
        from faceblur.cli import app  # noqa: F401  # it adds its commands, as the others do

        if sys.argv[1:2] != ["run"]:
            from faceblur.cli import fleet, jobs, plan, release, review, review_page, serving  # noqa: F401
        from faceblur.cli.group import main

        main(prog_name="faceblur")
    except Exception as error:  # such as memory that is not enough to load the packages
        print(f"error: {failure.why(error)}", file=sys.stderr)
        # A wrong call, such as a port that is taken. For these two commands, 1 is a finding.
        sys.exit(2 if isinstance(error, UsageError) or sys.argv[1:2] in (["audit"], ["evaluate"]) else 1)
    finally:
        gc.freeze()  # the process ends: to look through all that is loaded once more would take a tenth of a second


def _end(number: int, frame: FrameType | None) -> None:
    """End before there is any work that could be interrupted."""
    try:
        os.write(2, b"interrupted\n")
    finally:
        os._exit(128 + signal.SIGINT)


if __name__ == "__main__":
    start()
