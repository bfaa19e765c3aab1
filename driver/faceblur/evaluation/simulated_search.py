"""Which frames of an evaluated video a run would search by default: the others have no detections.

Every frame was searched for the evaluation. A run searches the last frame of each interval, and those within that may
show a new face.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from faceblur.base.errors import MediaError
from faceblur.base.memory_bounds import window_frames
from faceblur.evaluation.samples import EvaluatedFrame, EvaluatedVideo
from faceblur.tracking.boxes import LOW_THRESHOLD, Detection
from faceblur.tracking.search_intervals import SearchedFrame, SearchInterval, Span
from faceblur.tracking.thumbnails import Thumbnail
from faceblur.tracking.tracker import WindowedFrame


@dataclass(slots=True, kw_only=True, eq=False)
class SimulatedFrame(WindowedFrame):
    """A frame whose detections are `found`, once it is searched."""

    evaluated: EvaluatedFrame
    found: Sequence[Detection]

    def search(self) -> None:
        self.detections, self.is_searched = self.found, True


def searched_as_in_a_run(video: EvaluatedVideo, *, threshold: float, look_around: float) -> Iterator[SimulatedFrame]:
    """A video's frames in order, searched as by a run with these settings; all of them where it has no thumbnails.

    Raises MediaError when the video has fewer frames than before.
    """
    low = min(threshold, LOW_THRESHOLD) if look_around else threshold
    every = None if video.thumbnails is not None else 1
    interval = SearchInterval(every, look_around, window_frames(video.frame_bytes))
    thumbnails = iter(repeat(None) if video.thumbnails is None else video.thumbnails())
    frames: list[SimulatedFrame] = []
    before: SearchedFrame | None = None
    for number, one in enumerate(video.frames, 1):
        thumbnail = next(thumbnails, None)
        if thumbnail is None and video.thumbnails is not None:
            raise MediaError(f"{video.path}: ends after {number - 1} frames now: it changed while it was evaluated")
        frames.append(_simulated(one, thumbnail, low))
        if not interval.ends_at(one.seconds) and number < len(video.frames):
            continue
        before = _search(frames, before, threshold)
        yield from frames
        frames = []


def _simulated(one: EvaluatedFrame, thumbnail: Thumbnail | None, low: float) -> SimulatedFrame:
    found = [detection for detection in one.detections if detection.score >= low]
    return SimulatedFrame(
        seconds=one.seconds, thumbnail=thumbnail, cut=one.cut, camera=one.camera, evaluated=one, found=found
    )


def _search(frames: Sequence[SimulatedFrame], before: SearchedFrame | None, threshold: float) -> SearchedFrame | None:
    """Search an interval's frames as `FunctionSearch` does; what is known of its last one."""
    *inner, last = frames
    last.search()
    # Without thumbnails no frame is an inner one.
    spans = [Span(before, inner, last)] if inner else []  # type: ignore[type-var]
    while spans:
        span = spans.pop()
        frame = span.frame_to_search(threshold)
        if frame is not None:
            frame.search()
            spans += [part for part in span.split(frame) if part.inner]
    return SearchedFrame.of(last)  # type: ignore[arg-type]
