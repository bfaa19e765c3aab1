"""What the checks observe in single frames, and the spans of neighbouring frames in which it is the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from faceblur.tracking.boxes import Box

# Observations further apart than this are of two findings; detections flicker.
APART_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Observation:
    """What a check observed in one frame, and how severe it is; fields as in `faceblur.auditing.report.Finding`."""

    frame: int
    seconds: float
    severity: float
    text: str
    box: Box | None = None
    score: float | None = None
    kept: float | None = None
    track: int | None = None
    output_frame: int | None = None


@dataclass(slots=True)
class ObservationSpan:
    """Observations of one thing: the first, the last, the most severe, and the number of frames that have one."""

    first: Observation
    last: Observation
    worst: Observation
    frames: int = 1

    @classmethod
    def of(cls, observation: Observation) -> Self:
        """The span of one observation."""
        return cls(observation, observation, observation)

    def add(self, observation: Observation) -> None:
        """Add an observation of the same thing in this or a later frame."""
        self.frames += observation.frame != self.last.frame
        self.last = observation
        if observation.severity > self.worst.severity:
            self.worst = observation
