"""A track: one face over time, or what may be one."""

from __future__ import annotations

from dataclasses import dataclass

from faceblur.tracking.boxes import Box, Detection, centre, shifted
from faceblur.tracking.thumbnails import Sighting, Thumbnail

# A lost face whose scores add up to this is followed, at most for so many seconds: not what was a face to the detector
# once or twice. It is the sum of two certain detections that are not quite so.
MIN_FOLLOWED, FOLLOW_SECONDS = 1.5, 2.0


@dataclass(slots=True)
class Track:
    """A face, or what may be one as long as its `evidence`, the sum of its scores, is below the threshold.

    `last` is where it was seen last, at `seconds`: detected, or followed there. `box` is where the camera has carried
    it since. `velocity` is its own motion in pixels a second, None before its second detection. `first`, at `begun`, is
    what it began with; `detected` is what it looked like at its last detection, at `detected_at`.
    """

    first: Box
    begun: float
    last: Box
    box: Box
    seconds: float
    evidence: float
    velocity: complex | None = None
    number: int = 0
    detected: Sighting | None = None
    detected_at: float = 0.0

    @classmethod
    def begin(cls, one: Detection, seconds: float) -> Track:
        return cls(one.box, seconds, one.box, one.box, seconds, one.score, detected_at=seconds)

    def at(self, seconds: float) -> Box:
        """Where the face would be if it went on as it moved last, but no further away than its own size."""
        return shifted(self.box, (self.velocity or 0) * (seconds - self.seconds))

    def can_be_followed(self, since: float, thumbnail: Thumbnail | None, until: float) -> bool:
        """Whether it was seen last in the frame at `since`, and detected not long before that at `until`."""
        if self.seconds != since or thumbnail is None:
            return False
        if self.detected is None:
            self.detected = Sighting(thumbnail, self.last)
        return until - self.detected_at <= FOLLOW_SECONDS

    def add(self, one: Detection, seconds: float) -> None:
        velocity = (centre(one.box) - centre(self.box)) / max(seconds - self.seconds, 1e-6)
        self.velocity = velocity if self.velocity is None else (self.velocity + velocity) / 2  # boxes tremble
        self.last = self.box = one.box
        self.seconds = self.detected_at = seconds
        self.detected = None
        self.evidence += one.score
