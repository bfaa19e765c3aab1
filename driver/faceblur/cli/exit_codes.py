"""The exit codes, and which of them an error or a Ctrl-C leads to: errors become one line on stderr."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from rich.console import Console

from faceblur.base.errors import FaceblurError, UsageError
from faceblur.cli.interruption import INTERRUPTED, Interruption
from faceblur.cli.lasting_streams import lasting_streams
from faceblur.cli.logs import set_up_logging
from faceblur.cli.verbosity import Verbosity

log = logging.getLogger("faceblur")
DONE, FAILED, WRONG_CALL = 0, 1, 2
Command = Callable[[Console], Coroutine[Any, Any, int]]
NOTHING_WRITTEN = "nothing is written"
GOES_ON = "what was not finished is not written; the same command goes on from here"


def execute(command: Command, verbosity: Verbosity, *, interrupted: str = NOTHING_WRITTEN) -> int:
    """The exit code of a command, which gets the console of stderr for its progress bars.

    `interrupted` says what becomes of the work when it is interrupted.
    """
    with lasting_streams() as output:
        console = Console(stderr=True)
        set_up_logging(console, verbosity)
        try:
            code = _run(command, console, interrupted)
        except UsageError as error:
            log.error("error: %s", error)
            code = WRONG_CALL
        except FaceblurError as error:
            log.error("error: %s", error)
            code = FAILED
        output.flush()
        if output.error is not None:
            log.error("error: what is printed could not be written: %s", output.error.strerror)
            code = code or FAILED
    return code


def _run(command: Command, console: Console, interrupted: str) -> int:
    """Run the command in an event loop, until it ends or is interrupted."""
    noticed: list[bool] = []

    def notice() -> None:
        if not noticed:
            noticed.append(True)
            log.error("interrupted: %s", interrupted)

    async def cancellable() -> int:
        task = asyncio.ensure_future(command(console))
        interruption.cancels(task)
        try:
            return await task
        except asyncio.CancelledError:
            notice()
            return INTERRUPTED

    with Interruption(notice) as interruption:
        return asyncio.run(cancellable())
