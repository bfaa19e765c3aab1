"""Which tracks are doubtful, and the questions about them that a second detector is to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from faceblur.tracking.boxes import Box

# A track without a detection from this score on is doubtful. It is rejected where the second detector gives less than
# REJECTED to what it shows at its best. Both were chosen by the curves of docs/defaults.md.
CERTAIN, REJECTED = 0.6, 0.08
# That a track is rejected holds for so many seconds, unless it scores so much higher before.
AGAIN_SECONDS, HIGHER = 1.0, 0.05


class SeenFrame(Protocol):
    """A frame in the look-ahead window, as far as it matters here."""

    seconds: float
    masks: dict[int, Box]

    def score_of(self, track: int) -> float | None:
        """The score with which a track was detected in this very frame, None where it was not."""


FrameT = TypeVar("FrameT", bound=SeenFrame)


@dataclass(slots=True, eq=False)
class Question(Generic[FrameT]):
    """Whether what a track shows in the `box` of a `frame` is a face: the best of its detections, with its `score`.

    `answer` is the score that the second detector gives it; None: there is no answer, and the track stays masked.
    `frame` is None once what the box shows was taken from it.
    """

    frame: FrameT | None
    box: Box
    score: float
    asked_at: float
    answer: float | None = None

    def is_open(self, score: float, seconds: float) -> bool:
        """Whether to ask again, at a time at which the track scores at best so much. A face stays one."""
        if self.answer is not None and not self.is_rejected:
            return False
        return score >= self.score + HIGHER or seconds - self.asked_at >= AGAIN_SECONDS

    @property
    def is_rejected(self) -> bool:
        """Whether the second detector is certain that it is no face."""
        return self.answer is not None and self.answer < REJECTED


class DoubtfulTracks(Generic[FrameT]):
    """Asks about the tracks of one stream, as its frames leave the look-ahead window."""

    def __init__(self) -> None:
        self._asked: dict[int, Question[FrameT]] = {}
        self._certain: set[int] = set()

    def ask(self, window: Sequence[FrameT]) -> dict[int, Question[FrameT]]:
        """The questions about the doubtful tracks of the first frame of a window, those of before included.

        A track about which there is no question is masked.
        """
        frame = window[0]
        asked: dict[int, Question[FrameT]] = {}
        for track in frame.masks:
            if track in self._certain:
                continue
            best, score = max(
                ((one, score) for one in window if (score := one.score_of(track)) is not None),
                key=lambda seen: seen[1],
                default=(None, 0.0),
            )
            if score >= CERTAIN:
                self._certain.add(track)
                continue
            question = self._asked.get(track)
            if best is not None and (question is None or question.is_open(score, frame.seconds)):
                question = Question(best, best.masks[track], score, frame.seconds)
            if question is not None:
                asked[track] = question
        self._asked = asked
        self._certain &= frame.masks.keys()
        return asked


class Verdicts:
    """What the answers say about each track: one that was once taken for a face stays one."""

    def __init__(self) -> None:
        self._faces: set[int] = set()

    def rejected(self, questions: Mapping[int, Question[FrameT]]) -> dict[int, float]:
        """The tracks of a frame that are no faces, each with the second detector's score. Frames come in order."""
        rejected = {}
        for track, question in questions.items():
            if question.answer is None or track in self._faces:
                continue
            if question.is_rejected:
                rejected[track] = question.answer
            else:
                self._faces.add(track)
        return rejected
