"""What becomes of a run's files: the one reducer that makes report, progress and bottleneck of a run's events."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from faceblur.base.counted import counted
from faceblur.base.events import (
    FROM_SIDECAR,
    Event,
    FacesRejected,
    FileEnded,
    FileEvent,
    FileRestarted,
    FileStarted,
    FramesMasked,
    FramesRead,
    FunctionConnected,
    GapsMasked,
    MaskedState,
    Position,
    PositionEntered,
    PositionLeft,
    ReplyReceived,
    RunEnded,
    RunPlanned,
    State,
    TimeSpent,
)

STATES: tuple[State, ...] = ("done", "skipped", "failed", "not done")


@dataclass(slots=True)
class FileReport:
    """What became of one file; `reason` says why.

    `frames` were read, `searched` went to the function, `masked` are done. `faces_by_state` were masked, frame by
    frame: their number by why they were. `rejected` are doubtful faces that were left visible, frame by frame.
    `stage_seconds` is where the time went, summed over threads and requests; `positions` is where its batches are now.
    """

    source: Path
    target: Path | None = None
    state: State = "not done"
    reason: str = ""
    frames: int = 0
    masked: int = 0
    searched: int = 0
    faces_by_state: Counter[MaskedState] = field(default_factory=Counter)
    rejected: int = 0
    seconds: float = 0.0
    model: str = ""
    device: str = ""
    expected_frames: int | None = None
    left_out: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    stage_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    positions: Counter[Position] = field(default_factory=Counter)

    def apply(self, event: FileEvent) -> None:
        """Take what happened to this file."""
        match event:
            case PositionEntered(position=position):
                self.positions[position] += 1
            case PositionLeft(position=position):
                self.positions[position] -= 1
            case TimeSpent(stage=stage, seconds=seconds):
                self.stage_seconds[stage] += seconds
            case FramesRead(frames=frames):
                self.frames += frames
            case FramesMasked(frames=frames, faces=faces):
                self.masked += frames
                self.faces_by_state["detected"] += faces
            case GapsMasked(faces=faces, state=state):
                self.faces_by_state[state] += faces
            case ReplyReceived():
                self._add_reply(event)
            case FacesRejected(faces=faces):
                self.rejected += faces
            case FileRestarted():
                self.frames = self.masked = self.searched = self.rejected = 0
                self.faces_by_state.clear()
                self.positions.clear()
            case FileStarted(frames=expected):
                self.expected_frames = expected
            case FileEnded():
                self._end(event)

    @property
    def faces(self) -> int:
        """How many faces were masked, frame by frame."""
        return self.faces_by_state.total()

    @property
    def function_seconds(self) -> float:
        """For how long the function computed, its queue left out."""
        stages = self.stage_seconds.items()
        return sum(seconds for stage, seconds in stages if stage.startswith("function: ") and "queue" not in stage)

    def _add_reply(self, reply: ReplyReceived) -> None:
        self.model, self.device = reply.model, reply.device
        self.searched += reply.frames
        for stage, seconds in reply.stage_seconds().items():
            self.stage_seconds[stage] += seconds

    def _end(self, event: FileEnded) -> None:
        self.state, self.reason, self.seconds = event.state, event.reason, event.seconds
        self.target = event.target or self.target
        self.left_out, self.damage, self.by_hand = event.left_out, event.damage, event.by_hand
        self.positions.clear()


@dataclass(slots=True)
class Report:
    """A run, while it goes on and at its end: `files` by source, in the order of their discovery.

    `model`, `device` and `provider` are the function's; `lines` are its summary, once the run is over. `began` and
    `ended` are on the clock of `time.monotonic`; None: it is not over.
    """

    files: dict[Path, FileReport] = field(default_factory=dict)
    running: dict[Path, FileReport] = field(default_factory=dict)
    planned_files: int = 0
    planned_frames: int | None = None
    model: str = ""
    device: str = ""
    provider: str = ""
    lines: tuple[str, ...] = ()
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None

    def apply(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case RunPlanned(files=files, frames=frames):
                self.planned_files, self.planned_frames = files, frames
            case FunctionConnected(model=model, device=device, provider=provider):
                self.model, self.device, self.provider = model, device, provider
            case RunEnded(lines=lines):
                self.lines = lines
            case _:
                self._apply_to_file(event)

    def _apply_to_file(self, event: FileEvent) -> None:
        one = self.files.setdefault(event.source, FileReport(event.source))
        one.apply(event)
        if isinstance(event, FileStarted):
            self.running[event.source] = one
        elif isinstance(event, FileEnded):
            self.running.pop(event.source, None)

    @property
    def ok(self) -> bool:
        """Whether every file is written, or was before. False as long as no file is known."""
        return bool(self.files) and all(one.state in ("done", "skipped") for one in self.files.values())

    @property
    def failed(self) -> list[FileReport]:
        """The files that failed, each with its reason."""
        return [one for one in self.files.values() if one.state == "failed"]

    @property
    def seconds(self) -> float:
        """How long the run took, or has taken so far."""
        return (time.monotonic() if self.ended is None else self.ended) - self.began

    def summary(self, seconds: float | None = None) -> str:
        """One line: the number of files by state, the speed and the device."""
        states = Counter(one.state for one in self.files.values())
        ends = ", ".join(f"{states[state]} {state}" for state in STATES if states[state])
        count = len(self.files)
        line = f"{counted(count, 'file')}: {ends or 'nothing to do'}"
        written = [one for one in self.files.values() if one.state == "done"]
        if not written:
            return line
        seconds = self.seconds if seconds is None else seconds
        frames, faces = sum(one.frames for one in written), sum(one.faces for one in written)
        line += f"; {counted(frames, 'frame')}, {counted(faces, 'face')}"
        if faces:
            line += f" ({_by_state(written)})"
        line += f" in {clock(seconds)}"
        detected_on = "as the sidecar lists them" if written[0].device == FROM_SIDECAR else f"on {written[0].device}"
        line += f" ({frames / seconds:.1f} fps) by {written[0].model} {detected_on}"
        if searched := sum(one.searched for one in written):
            line += f", which searched {counted(searched, 'frame')}"
        return line


def _by_state(files: Iterable[FileReport]) -> str:
    """How many faces of some files were masked for which reason; those of a person only where there are some."""
    states = sum((one.faces_by_state for one in files), Counter[MaskedState]())
    names = [state for state in get_args(MaskedState) if state != "added" or states[state]]
    return ", ".join(f"{states[state]} {state}" for state in names)


def clock(seconds: float) -> str:
    """Seconds as 0:12 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
