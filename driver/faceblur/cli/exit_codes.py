"""The exit codes, and which of them an error or a Ctrl-C leads to: errors become one line on stderr."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from rich.console import Console

from faceblur.base.errors import FaceblurError, UsageError
from faceblur.base.lasting_streams import lasting_streams
from faceblur.cli.interruption import GRACE_SECONDS, INTERRUPTED, Interruption
from faceblur.cli.logs import set_up_logging
from faceblur.cli.verbosity import Verbosity
from faceblur.jobs.failure import NO_MEMORY, why

log = logging.getLogger("faceblur")
DONE, FAILED, WRONG_CALL = 0, 1, 2
Command = Callable[[Console], Coroutine[Any, Any, int]]
NOTHING_WRITTEN = "nothing is written"
GOES_ON = "what was not finished is not written; the same command goes on from here"


def execute(
    command: Command,
    verbosity: Verbosity,
    *,
    interrupted: str = NOTHING_WRITTEN,
    unexpected: int = FAILED,
    grace: float = GRACE_SECONDS,
) -> int:
    """The exit code of a command, which gets the console of stderr for its progress bars.

    `interrupted` says what becomes of the work when it is interrupted; `unexpected` is the code for any exception that
    is not one of our errors. `grace` is how many seconds an interrupted command may take to end.
    """
    if not gc.isenabled():  # all that the command needs is loaded
        gc.freeze()
        gc.enable()
    with lasting_streams() as output:
        console = Console(stderr=True)
        set_up_logging(console, verbosity)
        try:
            code = _run(command, console, interrupted, grace)
        except UsageError as error:
            log.error("error: %s", error)
            code = WRONG_CALL
        except FaceblurError as error:
            log.error("error: %s", error)
            code = FAILED
        except Exception as error:  # whatever it is, it is one line
            log.error("error: %s", why(error))
            code = unexpected
        if loss := output.loss():
            log.error("error: %s", loss)
            code = code or FAILED
    return code


def _run(command: Command, console: Console, interrupted: str, grace: float) -> int:
    """Run the command in an event loop, until it ends or is interrupted."""
    noticed: list[bool] = []

    def notice() -> None:
        if not noticed:
            noticed.append(True)
            log.error(
                *("interrupted: %s", interrupted) if interruption.code == INTERRUPTED else ("error: %s", NO_MEMORY)
            )

    def take_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What fails in the event loop itself. Without memory it would go on failing."""
        error = context.get("exception")
        if isinstance(error, MemoryError):
            interruption.request(FAILED)
        else:
            log.warning("%s: %s", context["message"], error)

    async def cancellable() -> int:
        asyncio.get_running_loop().set_exception_handler(take_error)
        task = asyncio.ensure_future(command(console))
        interruption.cancels(task)
        try:
            return await task
        except asyncio.CancelledError:
            notice()
            return interruption.code

    with Interruption(notice, grace) as interruption:
        return asyncio.run(cancellable())
