"""The exit codes, and which of them an error or a Ctrl-C leads to: errors become one line on stderr."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from rich.console import Console

from faceblur.base.errors import FaceblurError, UsageError
from faceblur.cli.logs import set_up_logging
from faceblur.cli.verbosity import Verbosity

log = logging.getLogger("faceblur")
DONE, FAILED, WRONG_CALL, INTERRUPTED = 0, 1, 2, 128 + signal.SIGINT


def execute(command: Callable[[Console], Coroutine[Any, Any, int]], verbosity: Verbosity) -> int:
    """The exit code of a command, which gets the console of stderr for its progress bars."""
    console = Console(stderr=True)
    set_up_logging(console, verbosity)

    async def cancellable() -> int:
        task = asyncio.ensure_future(command(console))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            log.error("interrupted: what was not finished is not written; the same command goes on from here")
            return INTERRUPTED

    try:
        return asyncio.run(cancellable())
    except UsageError as error:
        log.error("error: %s", error)
        return WRONG_CALL
    except FaceblurError as error:
        log.error("error: %s", error)
        return FAILED
