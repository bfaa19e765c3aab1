"""The groups in which frames go from stage to stage: batches of intervals, and frames that may be written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from faceblur.detection.gate import Lease
from faceblur.redaction.frame import Frame


@dataclass(slots=True)
class Batch:
    """Intervals that are searched together: all `frames` of all streams, in the source's order.

    Each of the `intervals` has the main stream's frames after one that is searched up to the next such one, which is
    its last.
    `tail` are the packets after the last frame of the main stream, in a video's last batch.
    """

    frames: list[Frame] = field(default_factory=list)
    intervals: list[list[Frame]] = field(default_factory=list)
    tail: list[Any] = field(default_factory=list)
    size_bytes: int = 0
    lease: Lease | None = None


@dataclass(slots=True)
class Ready:
    """Frames that may be written, in order; then packets of other streams. Then the lease is given back."""

    frames: list[Frame]
    tail: list[Any] = field(default_factory=list)
    lease: Lease | None = None
