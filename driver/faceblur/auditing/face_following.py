"""Follows the second pass's detections from frame to frame.

A detector may take noise for a face in one frame: what counts as a face is decided over all frames of a detection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from faceblur.auditing.merged_detections import MergedDetection
from faceblur.auditing.observations import APART_SECONDS, Observation, ObservationSpan
from faceblur.tracking.boxes import Box, centre, holds
from faceblur.tracking.face_matching import match_boxes


@dataclass(slots=True)
class FollowedFace:
    """What may be a face, over the frames in which it was detected.

    `confident` is the number of detections that score high. `legible` are the frames in which the output still shows
    it, None where there is none; `best` is the highest score of each model in these, by its number, and `crops` that
    in crops. Scores in crops do not count for `confident`. `before` and `after` say whether the sidecar masks it in the
    frame before it is legible and in one after that; `masked` whether it has a mask, a wrong one, while it is legible;
    `at_start` and `at_end` whether it is legible in the first frame of the video or of a scene, and in the last one.
    """

    box: Box
    seconds: float
    confident: int = 0
    best: dict[int, float] = field(default_factory=dict)
    crops: dict[int, float] = field(default_factory=dict)
    legible: ObservationSpan | None = None
    before: bool = False
    after: bool = False
    masked: bool = False
    at_start: bool = False
    at_end: bool = False

    @property
    def is_hole(self) -> bool:
        """Whether it is legible between two times at which it is masked, and has no mask there.

        At the start and the end of a video or a scene, where a run would go on to mask it for a while, one such time is
        enough.
        """
        if self.masked or self.legible is None:
            return False
        if self.before and self.after:
            return True
        at_edge = (self.at_start and self.after) or (self.before and self.at_end)
        return at_edge and self.legible.last.seconds - self.legible.first.seconds <= APART_SECONDS


class FaceFollower:
    """Takes each frame's detections by `push`, and returns the faces that were not detected for APART_SECONDS.

    `confident` is the score from which a detection counts as one that scores high.
    """

    def __init__(self, confident: float) -> None:
        self._confident = confident
        self._open: list[FollowedFace] = []
        self._masks: Sequence[Box] = ()
        self._last: float | None = None

    def push(
        self,
        seconds: float,
        detections: Sequence[tuple[MergedDetection, Observation | None]],
        masks: Sequence[Box] = (),
        *,
        cut: bool = False,
    ) -> list[FollowedFace]:
        """Add a frame at `seconds`: each detection, and an observation where the output still shows the face.

        `masks` are the boxes that the sidecar masks there; `cut` says that a new scene begins with it.
        """
        if cut:
            self._mark_ends()
            self._masks, self._last = (), None
        gone = [one for one in self._open if seconds - one.seconds > APART_SECONDS]
        self._open = [one for one in self._open if seconds - one.seconds <= APART_SECONDS]
        before = list(self._open)
        pairs = match_boxes([one.box for one in before], [one.box for one, _ in detections])
        known = {column: row for row, column in pairs}
        for index, (detection, observation) in enumerate(detections):
            if index in known:
                face = before[known[index]]
            else:
                face = FollowedFace(detection.box, seconds)
                self._open.append(face)
            face.box, face.seconds = detection.box, seconds
            face.confident += sum(score >= self._confident for _, score, in_crop in detection.seen if not in_crop)
            if observation is None:
                continue
            for model, score, in_crop in detection.seen:
                best = face.crops if in_crop else face.best
                best[model] = max(score, best.get(model, 0.0))
            face.masked |= _has_mask(face.box, masks)
            if face.legible is None:
                face.before, face.at_start = _has_mask(face.box, self._masks), self._last is None
                face.legible = ObservationSpan.of(observation)
            else:
                face.legible.add(observation)
        for face in self._open:
            if face.legible is not None and face.legible.last.seconds < seconds:
                face.after |= _has_mask(face.box, masks)
        self._masks, self._last = masks, seconds
        return gone

    def flush(self) -> list[FollowedFace]:
        """The video is over: the faces that are still followed."""
        self._mark_ends()
        return self._open

    def _mark_ends(self) -> None:
        for face in self._open:
            face.at_end |= face.legible is not None and face.legible.last.seconds == self._last


def _has_mask(box: Box, masks: Sequence[Box]) -> bool:
    """Whether the middle of a face is in one of these boxes."""
    middle = centre(box)
    return any(holds(one, middle) for one in masks)
