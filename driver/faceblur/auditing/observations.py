"""What the checks observe in single frames, and the spans of neighbouring frames in which it is the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from faceblur.tracking.boxes import Box, hull

# Observations further apart than this are of two findings; detections flicker.
APART_SECONDS = 0.5
# A path has a box for every so many seconds, and at most so many boxes: longer ones get coarser.
STAY_SECONDS, MAX_STAYS = 0.2, 200


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


@dataclass(frozen=True, slots=True)
class Stay:
    """What holds a thing for some time, in seconds: the smallest box around all of its boxes."""

    start: float
    end: float
    box: Box

    def joined(self, other: Stay) -> Stay:
        """This one and a later one as one."""
        return Stay(self.start, other.end, hull([self.box, other.box]))


@dataclass(slots=True)
class ObservationSpan:
    """Observations of one thing: the first, the last, the most severe, and the number of frames that have one.

    `path` is where it was, without a gap from the first to the last.
    """

    first: Observation
    last: Observation
    worst: Observation
    frames: int = 1
    path: list[Stay] = field(default_factory=list)

    @classmethod
    def of(cls, observation: Observation) -> Self:
        """The span of one observation."""
        span = cls(observation, observation, observation)
        if observation.box is not None:
            span.path.append(Stay(observation.seconds, observation.seconds, observation.box))
        return span

    def add(self, observation: Observation) -> None:
        """Add an observation of the same thing in this or a later frame."""
        self.frames += observation.frame != self.last.frame
        if observation.box is not None:
            self._extend(observation.seconds, observation.box)
        self.last = observation
        if observation.severity > self.worst.severity:
            self.worst = observation

    def _extend(self, seconds: float, box: Box) -> None:
        here = Stay(seconds, seconds, box)
        if not self.path:
            self.path.append(here)
        elif seconds - self.path[-1].start <= STAY_SECONDS:
            self.path[-1] = self.path[-1].joined(here)
        else:
            before = self.last.box or box
            self.path.append(Stay(self.last.seconds, seconds, hull([before, box])))
        if len(self.path) > MAX_STAYS:
            self.path = _shortened(self.path)


def _shortened(path: list[Stay]) -> list[Stay]:
    """A path of more than MAX_STAYS parts in at most half as many."""
    size = -(-len(path) // (MAX_STAYS // 2))
    parts = [path[index : index + size] for index in range(0, len(path), size)]
    return [Stay(part[0].start, part[-1].end, hull(one.box for one in part)) for part in parts]
