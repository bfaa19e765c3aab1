"""What happens in a run, as typed events: one reducer makes progress, report and bottleneck of them.

A stage gets a callable that takes an event. It calls it from the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

# What became of a file.
State = Literal["done", "skipped", "failed", "not done"]
# Why a face is masked in a frame, in the order in which it is reported; the sidecar describes them.
MaskedState = Literal["detected", "interpolated", "gap-filled", "followed", "added"]
# The stage that a batch of frames is in; `ready` batches wait to be encoded.
Position = Literal["decode", "JPEG", "function", "ready", "encode"]


@dataclass(frozen=True, slots=True)
class RunPlanned:
    """The inputs were searched: the number of files to redact, and of their frames (None: unknown)."""

    files: int
    frames: int | None


@dataclass(frozen=True, slots=True)
class FunctionConnected:
    """A function answers: its model, where it runs, and the library that runs it."""

    model: str
    device: str
    provider: str


@dataclass(frozen=True, slots=True)
class FileStarted:
    """The work on a file began; `frames` is the number that its header promises (None: unknown)."""

    source: Path
    frames: int | None


@dataclass(frozen=True, slots=True)
class FileRestarted:
    """The frames of a file turned out to change their size or format: it is begun anew, nothing counts so far."""

    source: Path


@dataclass(frozen=True, slots=True)
class PositionEntered:
    """A batch of this file came to a position."""

    source: Path
    position: Position


@dataclass(frozen=True, slots=True)
class PositionLeft:
    """A batch of this file left a position."""

    source: Path
    position: Position


@dataclass(frozen=True, slots=True)
class TimeSpent:
    """A thread of the driver worked for this file; `stage` is the row of the summary's table."""

    source: Path
    stage: str
    seconds: float


@dataclass(frozen=True, slots=True)
class FramesRead:
    """The decoder gave `frames` frames more."""

    source: Path
    frames: int


# Where a request spends time outside of the function: on the network, or between driver and worker on this machine.
ON_THE_WAY = ("network", "hand-over")
# The device of a ReplyReceived where no function detects the faces: a render takes them from the sidecar.
FROM_SIDECAR = "sidecar"


@dataclass(frozen=True, slots=True)
class ReplyReceived:
    """The function searched `frames` frames. `timings_ms` has its own stages, `queue`, and one of ON_THE_WAY."""

    source: Path
    model: str
    device: str
    frames: int
    timings_ms: Mapping[str, float]

    def stage_seconds(self) -> dict[str, float]:
        """The times by the names under which all stages of a run are reported."""
        names = {stage: stage if stage in ON_THE_WAY else f"function: {stage}" for stage in self.timings_ms}
        return {names[stage]: milliseconds / 1000 for stage, milliseconds in self.timings_ms.items()}


@dataclass(frozen=True, slots=True)
class FramesMasked:
    """`faces` detections above the threshold were masked, in `frames` frames."""

    source: Path
    frames: int
    faces: int


@dataclass(frozen=True, slots=True)
class GapsMasked:
    """`faces` faces more were masked, which were not detected in their very frame; `state` is why."""

    source: Path
    faces: int
    state: MaskedState


@dataclass(frozen=True, slots=True)
class FacesRejected:
    """`faces` doubtful faces, frame by frame, were not masked: the second detector takes them for none."""

    source: Path
    faces: int


@dataclass(frozen=True, slots=True)
class FileEnded:
    """A file is written, or it failed; `reason` is one line.

    `left_out` is what the output could not keep, `damage` what could not be read, `by_hand` what people chose to mask
    or to leave visible in it, `seconds` how long it took.
    """

    source: Path
    state: State
    reason: str = ""
    target: Path | None = None
    left_out: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()
    seconds: float = 0.0
    by_hand: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is over; `lines` are its summary."""

    lines: tuple[str, ...]


FileEvent: TypeAlias = (
    FileStarted
    | FileRestarted
    | PositionEntered
    | PositionLeft
    | TimeSpent
    | FramesRead
    | ReplyReceived
    | FramesMasked
    | GapsMasked
    | FacesRejected
    | FileEnded
)
Event: TypeAlias = RunPlanned | FunctionConnected | FileEvent | RunEnded
Emit: TypeAlias = Callable[[Event], None]
