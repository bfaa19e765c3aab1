"""Which frames are searched: at intervals, and more of them where the two ends of an interval do not agree.

Where the faces at both ends of an interval are the same ones, hardly moved, its inner frames need no search: the
tracker masks them from both sides. Any other interval, and one with a cut in it, is ambiguous: it is searched in its
middle too, and so on in both halves. What is searched depends on the video alone, not on the batches in which it
travels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from faceblur.tracking.boxes import LOW_SCORE_HEIGHT, Box, Detection
from faceblur.tracking.face_matching import match_boxes
from faceblur.tracking.scene_cuts import is_change
from faceblur.tracking.thumbnails import Thumbnail

# Every 6th frame at most, and no longer apart than this: half of the time over which a lost face stays masked.
AUTOMATIC_FRAMES = 6
AUTOMATIC_SECONDS = 0.2
# A face that moves by more than this share of its size between two searches may have moved in any way between them.
MAX_SHIFT = 0.25
# Frames are searched at intervals only where the look-ahead window holds this many of them.
WINDOW_INTERVALS = 3


class SearchInterval:
    """Says of each frame's time, in order, whether it ends an interval: such a frame is searched in any case.

    `frames` is the length, None for the automatic one. It is never longer than half of `look_around`, in seconds, over
    which gaps are masked. Where the look-ahead window of `window_frames` frames is too short to mask gaps backwards,
    every frame is searched.
    """

    def __init__(self, frames: int | None, look_around: float, window_frames: int) -> None:
        fits = window_frames // WINDOW_INTERVALS >= (frames or AUTOMATIC_FRAMES)
        self._frames = (frames or AUTOMATIC_FRAMES) if fits else 1
        automatic = frames is None and fits
        self._seconds = min(AUTOMATIC_SECONDS if automatic else math.inf, look_around / 2)
        self._since, self._last, self._before = self._frames, 0.0, 0.0

    def ends_at(self, seconds: float) -> bool:
        following, self._before = seconds + (seconds - self._before), seconds
        self._since += 1
        # Matroska rounds times to milliseconds: 6 frames of a thirtieth may take 0.201 seconds.
        if self._since < self._frames and following - self._last < self._seconds + 0.002:
            return False
        self._since, self._last = 0, seconds
        return True


class SearchableFrame(Protocol):
    """A frame that may have been searched; its detections are empty as long as it was not."""

    @property
    def is_searched(self) -> bool: ...
    @property
    def detections(self) -> Sequence[Detection]: ...
    @property
    def thumbnail(self) -> Thumbnail: ...


SearchableT = TypeVar("SearchableT", bound=SearchableFrame)


@dataclass(frozen=True, slots=True)
class IntervalStart:
    """What is known of the searched frame with which an interval begins."""

    detections: Sequence[Detection]
    thumbnail: Thumbnail


def ambiguous_middles(
    start: IntervalStart | None, frames: Sequence[SearchableT], threshold: float
) -> Iterator[SearchableT]:
    """The middle frame of each ambiguous interval among frames in order, of which the last one is searched.

    `start` is the searched frame before the first one, None at the beginning of a video.
    """
    detections: Sequence[Detection] = start.detections if start is not None else ()
    thumbnail = start.thumbnail if start is not None else None
    inner: list[SearchableT] = []
    cut = False
    for frame in frames:
        cut = cut or (thumbnail is not None and is_change(thumbnail, frame.thumbnail))
        thumbnail = frame.thumbnail
        if not frame.is_searched:
            inner.append(frame)
            continue
        if inner and (cut or not agree(detections, frame.detections, threshold)):
            yield inner[len(inner) // 2]
        inner, cut, detections = [], False, frame.detections


def agree(before: Sequence[Detection], after: Sequence[Detection], threshold: float) -> bool:
    """Whether every face of either frame is in the other one too, at about the same location.

    A high score may be a low one there. A small face with a low score has to have a high one there: else only
    detections that follow each other show whether it is a face (see the tracker), and they must not become fewer.
    """
    return _all_in(before, after, threshold) and _all_in(after, before, threshold)


def _all_in(faces: Sequence[Detection], others: Sequence[Detection], threshold: float) -> bool:
    high = [face.box for face in faces if face.score >= threshold]
    small = [face.box for face in faces if face.score < threshold and face.box[3] - face.box[1] <= LOW_SCORE_HEIGHT]
    high_others = [face.box for face in others if face.score >= threshold]
    return _matched(high, [face.box for face in others]) and _matched(small, high_others)


def _matched(boxes: Sequence[Box], candidates: Sequence[Box]) -> bool:
    pairs = match_boxes(boxes, candidates)
    return len(pairs) == len(boxes) and all(_shift(boxes[a], candidates[b]) <= MAX_SHIFT for a, b in pairs)


def _shift(one: Box, other: Box) -> float:
    """How far a box's centre lies from another's, as a share of its size."""
    x, y = ((other[0] + other[2] - one[0] - one[2]) / 2, (other[1] + other[3] - one[1] - one[3]) / 2)
    return math.hypot(x, y) / max(1e-6, math.sqrt((one[2] - one[0]) * (one[3] - one[1])))
