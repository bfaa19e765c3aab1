"""Faces in frames that are not searched, since they show nothing that the searched frames around them do not.

What is detected at both ends of an interval is there in between as well, where the camera and its own motion carried
it: so a mask that is missing there is found. Where the ends do not agree, or a mask of an end is missing, the frame is
searched after all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Protocol, TypeVar

from faceblur.auditing.merged_detections import MergedDetection
from faceblur.tracking.boxes import Box, centre, interpolate
from faceblur.tracking.camera_motion import CameraMotion
from faceblur.tracking.face_matching import match_boxes

# Ends agree where each detection is in both, scores at least this at both or at none, and moves by at most this share
# of its size beside the camera's motion (as in `faceblur.tracking.search_intervals`).
DOUBTFUL, MAX_SHIFT = 0.3, 0.25
Pair = tuple[MergedDetection, MergedDetection]


class CarriedFrame(Protocol):
    """A frame of the source, as `AuditedFrame`."""

    seconds: float
    ends_interval: bool
    shows_new: bool
    camera: CameraMotion
    detections: list[MergedDetection]

    @property
    def boxes(self) -> dict[int, Box]: ...


FrameT = TypeVar("FrameT", bound=CarriedFrame)


def intervals(before: FrameT | None, frames: Sequence[FrameT]) -> Iterator[tuple[FrameT | None, list[FrameT], FrameT]]:
    """Each interval's start, the frames within it, and its end; `before` is the start of the first one."""
    start, inner = before, list[FrameT]()
    for frame in frames:
        if frame.ends_interval:
            yield start, inner, frame
            start, inner = frame, []
        else:
            inner.append(frame)


def carry(before: FrameT | None, frames: Sequence[FrameT]) -> list[FrameT]:
    """Set the detections of the frames that need no search; returns those that need one.

    The last frame ends an interval, `before` is the end of the one before it; the ends were searched, and the others
    compared with them.
    """
    waiting: list[FrameT] = []
    for start, inner, end in intervals(before, frames):
        if not inner:
            continue
        if start is None:
            waiting += inner
            continue
        motions = list(accumulate((one.camera for one in (*inner, end)), CameraMotion.then))
        pairs = _agreed(start, end, motions[-1])
        for frame, motion in zip(inner, motions, strict=False):  # the last motion is that of the end
            if pairs is None or frame.shows_new or not start.boxes.keys() | end.boxes.keys() <= frame.boxes.keys():
                waiting.append(frame)
                continue
            share = (frame.seconds - start.seconds) / max(end.seconds - start.seconds, 1e-6)
            back = motion.inverse().then(motions[-1])
            frame.detections = [
                _weaker(pair, interpolate(motion.carry(pair[0].box), back.carry_back(pair[1].box), share))
                for pair in pairs
            ]
    return waiting


def _agreed(start: CarriedFrame, end: CarriedFrame, motion: CameraMotion) -> list[Pair] | None:
    """What both ends show; None where they do not agree."""
    carried = [motion.carry(one.box) for one in start.detections]
    pairs: list[Pair] = []
    for row, column in match_boxes(carried, [one.box for one in end.detections]):
        one, other = start.detections[row], end.detections[column]
        moved = abs(centre(carried[row]) - centre(other.box))
        is_near = moved <= MAX_SHIFT * min(other.box[2] - other.box[0], other.box[3] - other.box[1])
        if is_near and (one.score >= DOUBTFUL) == (other.score >= DOUBTFUL):
            pairs.append((one, other))
    known = {id(one) for pair in pairs for one in pair}
    alone = (one for one in (*start.detections, *end.detections) if id(one) not in known)
    return None if any(one.score >= DOUBTFUL for one in alone) else pairs


def _weaker(pair: Pair, box: Box) -> MergedDetection:
    """What is carried from both: each model's score where that is lower. Looks at crops are not of this frame."""
    best: list[dict[int, float]] = [{}, {}]
    for one, scores in zip(pair, best, strict=True):
        for model, score, in_crop in one.seen:
            if not in_crop:
                scores[model] = max(score, scores.get(model, 0.0))
    first, second = best
    seen = [(model, min(first[model], second[model]), False) for model in first.keys() & second.keys()]
    return MergedDetection(box, min(one.score for one in pair), seen)
