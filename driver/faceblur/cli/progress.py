"""What the user sees while a run goes on: bars in a terminal, plain lines elsewhere, JSON lines for machines."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

log = logging.getLogger("faceblur")
progress_log = logging.getLogger("faceblur.progress")
PLAIN_INTERVAL_SECONDS = 10.0


class Display(Protocol):
    """Shows how a run comes along; a context manager."""

    def started(self, source: Path, frames: int | None) -> None: ...
    def advanced(self, source: Path, frames: int, faces: int) -> None: ...
    def ended(self, source: Path, state: str) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _FpsColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:6.1f} fps" if speed else "   … fps", style="progress.data.speed")


class Bars:
    """One bar per running video and one in total, with frames, speed, faces and the time left."""

    def __init__(self, console: Console, videos: int, frames: int | None) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", table_column=None),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            _FpsColumn(),
            TextColumn("{task.fields[faces]} faces"),
            TimeRemainingColumn(),
            console=console,
            expand=True,
            speed_estimate_period=10,
        )
        self._videos, self._done = videos, 0
        self._total = self._progress.add_task(self._title(), total=frames, faces=0)
        self._tasks: dict[Path, Any] = {}

    def _title(self) -> str:
        return f"total {self._done}/{self._videos} videos"

    def started(self, source: Path, frames: int | None) -> None:
        name = source.name if len(source.name) <= 28 else f"{source.name[:13]}…{source.name[-14:]}"
        self._tasks[source] = self._progress.add_task(escape(shown(name)), total=frames, faces=0)

    def advanced(self, source: Path, frames: int, faces: int) -> None:
        for task in (self._tasks[source], self._total):
            found = self._progress.tasks[self._progress.task_ids.index(task)].fields["faces"]
            self._progress.update(task, advance=frames, faces=found + faces)

    def ended(self, source: Path, state: str) -> None:
        self._done += 1
        self._progress.remove_task(self._tasks.pop(source))
        self._progress.update(self._total, description=self._title())

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


@dataclass(slots=True)
class Lines:
    """A plain line at intervals, for logs and pipes. Use inside a running event loop."""

    videos: int
    frames: int | None
    interval: float = PLAIN_INTERVAL_SECONDS
    _done: int = 0
    _frames: int = 0
    _faces: int = 0
    _start: float = field(default_factory=time.monotonic)
    _ticker: asyncio.Task[None] | None = None

    def started(self, source: Path, frames: int | None) -> None:
        log.info("started %s", source, extra={"event": "started", "source": str(source), "frames": frames})

    def advanced(self, source: Path, frames: int, faces: int) -> None:
        self._frames += frames
        self._faces += faces

    def ended(self, source: Path, state: str) -> None:
        self._done += 1
        log.info("%s %s", state, source, extra={"event": "ended", "source": str(source), "state": state})

    def __enter__(self) -> Self:
        self._ticker = asyncio.get_running_loop().create_task(self._tick())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ticker is not None:
            self._ticker.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.interval)
            seconds = time.monotonic() - self._start
            fps = self._frames / seconds
            left = (self.frames - self._frames) / fps if self.frames and fps else None
            total = f"/{self.frames}" if self.frames else ""
            ending = f", {duration(max(0.0, left))} left" if left is not None else ""
            progress_log.info(
                "%d/%d videos, %d%s frames, %.1f fps, %d faces%s",
                *(self._done, self.videos, self._frames, total, fps, self._faces, ending),
                extra={"event": "progress", "frames": self._frames, "faces": self._faces, "fps": round(fps, 2)},
            )


def duration(seconds: float) -> str:
    """Seconds as 0:12 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def shown(text: str) -> str:
    """A text for one line of a terminal: what is in a file's name but not printable is escaped."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


class TextFormatter(logging.Formatter):
    """The message on one line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return shown(record.message)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and what the event brings along."""

    FIELDS = ("event", "source", "state", "frames", "faces", "fps", "seconds", "reason")

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {name: getattr(record, name) for name in self.FIELDS if hasattr(record, name)}
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def set_up_logging(console: Console, *, verbosity: int, as_json: bool) -> None:
    """Send logs to stderr, around the progress bars: warnings by default, `verbosity` 1 info, 2 debug, -1 errors."""
    level = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    handler: logging.Handler
    if as_json:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter())
    else:
        handler = _ConsoleHandler(console)
        handler.setFormatter(TextFormatter())
    root = logging.getLogger("faceblur")
    root.handlers[:] = [handler]
    root.propagate = False
    root.setLevel(level)
    progress_log.setLevel(min(level, logging.INFO) if verbosity >= 0 else level)


class _ConsoleHandler(logging.Handler):
    """Prints above the bars instead of through them."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
