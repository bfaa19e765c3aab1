"""Which frames are searched: at intervals, and more of them where the ends of an interval may not show every face.

A frame within an interval needs no search if the faces at both ends are the same ones, hardly moved, and if the frame
shows nothing new: then the tracker masks it from both sides. Any other interval, and one with a cut in it, is searched
in the middle of what may show a new face, and so on in both parts. What is searched depends on the video alone, not on
the batches in which it travels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Generic, Protocol, TypeVar

from faceblur.tracking.boxes import LOW_SCORE_HEIGHT, Box, Detection, interpolate
from faceblur.tracking.camera_motion import CameraMotion
from faceblur.tracking.doubtful_tracks import CERTAIN
from faceblur.tracking.face_matching import match_boxes
from faceblur.tracking.new_content import Neighbour, shows_new
from faceblur.tracking.scene_cuts import is_change
from faceblur.tracking.thumbnails import Thumbnail

# No further apart than this: half of the time over which a lost face stays masked. That is every 6th frame at 30 frames
# a second, and every 12th at 60; at more than that, it stays every 12th.
AUTOMATIC_SECONDS = 0.2
AUTOMATIC_FRAMES = 12
# A small score below this one asks for no search where something is at its place at the other end too: it stays a
# suspicion, and the function has looked at it closely (docs/defaults.md).
LOW_SCORE = 0.1
# A face that moves by more than this share of its size between two searches may have moved in any way between them.
MAX_SHIFT = 0.25
# The look-ahead window holds at least this many intervals: else it could not mask gaps backwards.
WINDOW_INTERVALS = 3


class SearchInterval:
    """Says of each frame's time, in order, whether it ends an interval: such a frame is searched in any case.

    `frames` is the length, None for the automatic one. It is never longer than half of `look_around`, in seconds, over
    which gaps are masked, and than a third of the look-ahead window, which has `window_frames` frames.
    """

    def __init__(self, frames: int | None, look_around: float, window_frames: int) -> None:
        self._frames = max(1, min(frames or AUTOMATIC_FRAMES, window_frames // WINDOW_INTERVALS))
        self._seconds = min(AUTOMATIC_SECONDS if frames is None else math.inf, look_around / 2)
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
    def seconds(self) -> float: ...
    @property
    def detections(self) -> Sequence[Detection]: ...
    @property
    def thumbnail(self) -> Thumbnail: ...
    @property
    def camera(self) -> CameraMotion: ...


SearchableT = TypeVar("SearchableT", bound=SearchableFrame)


@dataclass(frozen=True, slots=True)
class SearchedFrame:
    """What is known of a frame that was searched."""

    seconds: float
    detections: Sequence[Detection]
    thumbnail: Thumbnail

    @classmethod
    def of(cls, frame: SearchableFrame) -> SearchedFrame:
        return cls(frame.seconds, frame.detections, frame.thumbnail)


@dataclass(frozen=True, slots=True)
class Span(Generic[SearchableT]):
    """Frames in order that were not searched, `inner`, and the searched ones on both sides of them.

    `before` is None at the beginning of a video.
    """

    before: SearchedFrame | None
    inner: Sequence[SearchableT]
    after: SearchableT

    def frame_to_search(self, threshold: float) -> SearchableT | None:
        """The frame that has to be searched: the middle one of those that may show a new face. None if none may."""
        if not self.inner:
            return None
        may_show = self.inner
        if self.before is not None and not self._has_change() and self._agrees(self.before, threshold):
            may_show = self._frames_with_new_content(self.before, threshold)
        return may_show[len(may_show) // 2] if may_show else None

    def split(self, searched: SearchableT) -> list[Span[SearchableT]]:
        """The spans on both sides of one of its frames, which was searched meanwhile."""
        at = self.inner.index(searched)
        later = SearchedFrame.of(searched)
        return [Span(self.before, self.inner[:at], searched), Span(later, self.inner[at + 1 :], self.after)]

    def _agrees(self, before: SearchedFrame, threshold: float) -> bool:
        """Whether both ends show the same faces, and the tracker will see it: it expects them where the camera carries.

        A face that the camera follows is elsewhere. Then none of the frames within would be masked.
        """
        if not agree(before.detections, self.after.detections, threshold):
            return False
        motion = self._motions()[-1]
        pairs = _same_faces(before.detections, self.after.detections, threshold)
        return all(match_boxes([motion.carry(one)], [other]) for one, other in pairs)

    def _motions(self) -> list[CameraMotion]:
        """How the camera moved from the frame before to each one, the last one included."""
        return list(accumulate((one.camera for one in (*self.inner, self.after)), CameraMotion.then))

    def _has_change(self) -> bool:
        thumbnails = [one.thumbnail for one in (self.before, *self.inner, self.after) if one is not None]
        return any(is_change(one, following) for one, following in pairwise(thumbnails))

    def _frames_with_new_content(self, before: SearchedFrame, threshold: float) -> list[SearchableT]:
        """The inner frames that show what neither end shows."""
        # A doubtful face may yet be rejected, and is no mask then for what appears in it.
        pairs = _same_faces(before.detections, self.after.detections, max(threshold, CERTAIN))
        forth = self._motions()
        back = forth[-1].inverse()
        duration = max(self.after.seconds - before.seconds, 1e-6)
        found = []
        for frame, motion in zip(self.inner, forth, strict=False):  # the last motion is that of the end
            share = (frame.seconds - before.seconds) / duration
            neighbours = [
                Neighbour(before.thumbnail, motion, [one for one, _ in pairs]),
                Neighbour(self.after.thumbnail, back.then(motion), [other for _, other in pairs]),
            ]
            nearest_first = neighbours if share < 0.5 else neighbours[::-1]
            if shows_new(frame.thumbnail, [interpolate(*pair, share) for pair in pairs], nearest_first):
                found.append(frame)
        return found


def agree(before: Sequence[Detection], after: Sequence[Detection], threshold: float) -> bool:
    """Whether every face of either frame is in the other one too, at about the same location.

    A high score may be a low one there. A small face with a low score has to have a high one there: else only
    detections that follow each other show whether it is a face (see the tracker), and they must not become fewer.
    Below LOW_SCORE it may have a low one there.
    """
    return _all_in(before, after, threshold) and _all_in(after, before, threshold)


def _all_in(faces: Sequence[Detection], others: Sequence[Detection], threshold: float) -> bool:
    high = [face.box for face in faces if face.score >= threshold]
    small = [face for face in faces if face.score < threshold and face.box[3] - face.box[1] <= LOW_SCORE_HEIGHT]
    low = [face.box for face in small if face.score >= LOW_SCORE]
    lowest = [face.box for face in small if face.score < LOW_SCORE]
    boxes, high_others = [face.box for face in others], [face.box for face in others if face.score >= threshold]
    return _matched(high, boxes) and _matched(low, high_others) and _matched(lowest, boxes)


def _matched(boxes: Sequence[Box], candidates: Sequence[Box]) -> bool:
    pairs = match_boxes(boxes, candidates)
    return len(pairs) == len(boxes) and all(_shift(boxes[a], candidates[b]) <= MAX_SHIFT for a, b in pairs)


def _same_faces(before: Sequence[Detection], after: Sequence[Detection], threshold: float) -> list[tuple[Box, Box]]:
    """Where each face lies in both frames: it scores at least the threshold in one of them, and is masked between."""
    pairs: dict[tuple[Box, Box], None] = {}
    for low, high in ((0.0, threshold), (threshold, 0.0)):
        boxes = [[one.box for one in faces if one.score >= limit] for faces, limit in ((before, low), (after, high))]
        pairs |= {(boxes[0][a], boxes[1][b]): None for a, b in match_boxes(*boxes)}
    return list(pairs)


def _shift(one: Box, other: Box) -> float:
    """How far a box's centre lies from another's, as a share of its size."""
    x, y = ((other[0] + other[2] - one[0] - one[2]) / 2, (other[1] + other[3] - one[1] - one[3]) / 2)
    return math.hypot(x, y) / max(1e-6, math.sqrt((one[2] - one[0]) * (one[3] - one[1])))
