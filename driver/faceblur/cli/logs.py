"""What is logged on stderr, around the progress bars: text on one line each, or JSON lines."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from rich.console import Console

from faceblur.base import work_item
from faceblur.base.printable import printable
from faceblur.cli.verbosity import Verbosity

progress_log = logging.getLogger("faceblur.progress")
LEVELS = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}


class TextFormatter(logging.Formatter):
    """The message on one line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return printable(record.message)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the fields of the event, and a fleet's job."""

    FIELDS = ("event", "source", "state", "frames", "faces", "fps", "seconds", "reason")

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: getattr(record, name) for name in self.FIELDS if hasattr(record, name)}
        if (item := work_item.current.get()) is not None:
            entry |= {"job": item.job, "part": item.part, "attempt": item.attempt}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return "".join(
            one if one.isprintable() else json.dumps(one)[1:-1] for one in json.dumps(entry, ensure_ascii=False)
        )


def set_up_logging(console: Console, verbosity: Verbosity) -> None:
    """Send the logs to stderr: through the console, above its progress bars, or as JSON lines."""
    level = LEVELS.get(verbosity.level, logging.DEBUG)
    handler: logging.Handler
    if verbosity.as_json:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter())
    else:
        handler = _ConsoleHandler(console)
        handler.setFormatter(TextFormatter())
    root = logging.getLogger("faceblur")
    root.handlers[:] = [handler]
    root.propagate = False
    root.setLevel(level)
    # What fails there fails a request or a file too, which is reported, or is warned of.
    for library in ("aiohttp", "asyncio", "opentelemetry"):
        logging.getLogger(library).setLevel(logging.NOTSET if level <= logging.DEBUG else logging.CRITICAL + 1)
    progress_log.setLevel(level if verbosity.quiet else min(level, logging.INFO))


class _ConsoleHandler(logging.Handler):
    """Prints above the bars instead of through them."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
