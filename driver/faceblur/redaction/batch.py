"""The groups in which frames go from stage to stage: intervals, batches of intervals, frames that may be written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from faceblur.detection.gate import Lease
from faceblur.redaction.frame import Frame
from faceblur.tracking.search_intervals import SearchedFrame, Span


@dataclass(slots=True)
class Interval:
    """The main stream's frames after one searched frame up to the next: the last one is searched in any case.

    `start` is what is known of the searched frame before, None at the beginning of the video.
    """

    frames: list[Frame]
    start: SearchedFrame | None = None

    def span(self) -> Span[Frame]:
        """Its frames that were not searched, between two that were."""
        return Span(self.start, self.frames[:-1], self.frames[-1])


@dataclass(slots=True)
class Batch:
    """Intervals that are searched together: all `frames` of all streams, in the source's order.

    `tail` are the packets after the last frame of the main stream, in a video's last batch.
    """

    frames: list[Frame] = field(default_factory=list)
    intervals: list[Interval] = field(default_factory=list)
    tail: list[Any] = field(default_factory=list)
    size_bytes: int = 0
    lease: Lease | None = None


@dataclass(slots=True)
class Ready:
    """Frames that may be written, in order; then packets of other streams. Then the lease is given back."""

    frames: list[Frame]
    tail: list[Any] = field(default_factory=list)
    lease: Lease | None = None
