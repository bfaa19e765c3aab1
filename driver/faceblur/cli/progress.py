"""Progress while a command works: bars in a terminal or a notebook, plain lines elsewhere, JSON lines for programs."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import ExitStack
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from faceblur.base.counted import counted
from faceblur.base.events import (
    Event,
    FileEnded,
    FileRestarted,
    FileStarted,
    FramesMasked,
    FunctionConnected,
    GapsMasked,
    RunPlanned,
)
from faceblur.base.printable import printable
from faceblur.cli.logs import progress_log
from faceblur.cli.verbosity import Verbosity
from faceblur.jobs.report import clock

log = logging.getLogger("faceblur")
LINE_SECONDS = 10.0  # from one plain line to the next
SPEED_SECONDS = 10.0
MAX_NAME = 28  # characters of a file's name beside its bar


class ProgressDisplay(Protocol):
    """Shows how files come along; a context manager."""

    def planned(self, files: int, frames: int | None) -> None: ...
    def started(self, source: Path, frames: int | None) -> None: ...
    def advanced(self, source: Path, frames: int, faces: int) -> None: ...
    def ended(self, source: Path, state: str) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...


class _FpsColumn(ProgressColumn):
    """The speed in the last SPEED_SECONDS; before, and at the end, that since the beginning: frames come in bursts."""

    def render(self, task: Task) -> Text:
        elapsed = task.finished_time or task.elapsed or 0.0
        is_short = elapsed < SPEED_SECONDS or task.finished
        speed = (task.completed / elapsed if elapsed else None) if is_short else task.speed
        return Text(f"{speed:6.1f} fps" if speed else "   … fps", style="progress.data.speed")


class _FacesColumn(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(counted(task.fields["faces"], "face"))


def _of_files(done: int, planned: int | None) -> str:
    """How many are done, of how many. A worker does not know how many there will be."""
    return counted(done, "file") if planned is None else f"{done}/{counted(max(planned, done), 'file')}"


class Bars:
    """One bar per running file and one in total, with frames, speed, faces and the time left."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            _FpsColumn(),
            _FacesColumn(),
            TimeRemainingColumn(),
            console=console,
            expand=True,
            speed_estimate_period=SPEED_SECONDS,
        )
        self._files: int | None = None
        self._done = 0
        self._total = self._progress.add_task(self._title(), total=None, faces=0)
        self._tasks: dict[Path, Any] = {}

    def _title(self) -> str:
        return f"total {_of_files(self._done, self._files)}"

    def planned(self, files: int, frames: int | None) -> None:
        self._files = files
        self._progress.update(self._total, total=frames, description=self._title())

    def started(self, source: Path, frames: int | None) -> None:
        name = source.name
        if len(name) > MAX_NAME:
            name = f"{name[: MAX_NAME // 2 - 1]}…{name[-MAX_NAME // 2 :]}"
        self._tasks[source] = self._progress.add_task(escape(printable(name)), total=frames, faces=0)

    def advanced(self, source: Path, frames: int, faces: int) -> None:
        for task in (self._tasks[source], self._total):
            before = self._progress.tasks[self._progress.task_ids.index(task)].fields["faces"]
            self._progress.update(task, advance=frames, faces=before + faces)

    def ended(self, source: Path, state: str) -> None:
        self._done += 1
        self._progress.remove_task(self._tasks.pop(source))
        self._progress.update(self._total, description=self._title())

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


@dataclass(slots=True)
class Lines:
    """A plain line at intervals, for logs and pipes. Use inside a running event loop."""

    interval: float = LINE_SECONDS
    _files: int | None = None
    _total: int | None = None
    _running: int = 0
    _done: int = 0
    _frames: int = 0
    _faces: int = 0
    _start: float = field(default_factory=time.monotonic)
    _ticker: asyncio.Task[None] | None = None

    def planned(self, files: int, frames: int | None) -> None:
        self._files, self._total = files, frames

    def started(self, source: Path, frames: int | None) -> None:
        self._running += 1
        log.info("started %s", source, extra={"event": "started", "source": str(source), "frames": frames})

    def advanced(self, source: Path, frames: int, faces: int) -> None:
        self._frames += frames
        self._faces += faces

    def ended(self, source: Path, state: str) -> None:
        self._running -= 1
        self._done += 1
        log.info("%s %s", state, source, extra={"event": "ended", "source": str(source), "state": state})

    def __enter__(self) -> Self:
        self._start = time.monotonic()
        # The lines are about the whole run, not about the file that is the first.
        self._ticker = asyncio.get_running_loop().create_task(self._tick(), context=Context())
        return self

    def __exit__(self, *_: object) -> None:
        if self._ticker is not None:
            self._ticker.cancel()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.interval)
            if self._done and not self._running:  # a worker that waits for videos
                self._start += self.interval
                continue
            seconds = time.monotonic() - self._start
            fps = self._frames / seconds
            left = (self._total - self._frames) / fps if self._total and fps else None
            frames = f"{self._frames}/{counted(self._total, 'frame')}" if self._total else ""
            parts = [
                _of_files(self._done, self._files),
                frames or counted(self._frames, "frame"),
                f"{fps:.1f} fps",
                counted(self._faces, "face"),
                *([f"{clock(max(0.0, left))} left"] if left is not None else []),
            ]
            extra = {"event": "progress", "frames": self._frames, "faces": self._faces, "fps": round(fps, 2)}
            progress_log.info("%s", ", ".join(parts), extra=extra)


def choose_display(console: Console, verbosity: Verbosity) -> ProgressDisplay:
    """Bars in a terminal, lines elsewhere."""
    return Bars(console) if verbosity.draws_bars(console) else Lines()


class RunProgress:
    """Shows a run's events on a display, from the first file on, and logs what fails. A context manager; call it.

    Without a display it draws bars, in a terminal or a notebook:

    >>> with faceblur.RunProgress() as progress:
    ...     faceblur.blur("videos", "blurred", on_event=progress)
    """

    def __init__(self, display: ProgressDisplay | None = None) -> None:
        self._display: ProgressDisplay = display or Bars(Console())
        # Frames and faces so far.
        self._running: dict[Path, tuple[int, int]] = {}
        self._stack, self._is_shown = ExitStack(), False

    def __call__(self, event: Event) -> None:
        match event:
            case RunPlanned(files=files, frames=frames):
                self._display.planned(files, frames)
            case FunctionConnected(model=model, device=device, provider=provider):
                log.info("function: %s on %s (%s)", model, device, provider)
            case FileStarted(source=source, frames=frames):
                if not self._is_shown:
                    self._stack.enter_context(self._display)
                    self._is_shown = True
                self._running[source] = (0, 0)
                self._display.started(source, frames)
            case FramesMasked(source=source, frames=frames, faces=faces):
                self._advance(source, frames, faces)
            case GapsMasked(source=source, faces=faces):
                self._advance(source, 0, faces)
            case FileRestarted(source=source):
                log.info("begun anew, its frames change their size or format: %s", source)
                frames, faces = self._running[source]
                self._advance(source, -frames, -faces)
            case FileEnded():
                self._end(event)

    def _advance(self, source: Path, frames: int, faces: int) -> None:
        before, before_faces = self._running[source]
        self._running[source] = (before + frames, before_faces + faces)
        self._display.advanced(source, frames, faces)

    def _end(self, event: FileEnded) -> None:
        if event.state == "failed":
            extra = {"event": "failed", "source": str(event.source), "reason": event.reason}
            log.error("error: %s: %s", event.source, event.reason, extra=extra)
        if event.source in self._running:
            del self._running[event.source]
            self._display.ended(event.source, event.state)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
