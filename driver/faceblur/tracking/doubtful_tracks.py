"""Which tracks are doubtful, and the questions about them that a second detector is to answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from faceblur.tracking.boxes import Box

# A track without a detection from this score on is doubtful. Its best frames, so far apart, are looked at. It is
# rejected where the second detector gives each of them less than REJECTED: a value for one frame, for two, and for
# three and more. From CONFIRMED on it is a face. These were chosen by the curves of docs/defaults.md.
CERTAIN, REJECTED, CONFIRMED = 0.95, (0.08, 0.08, 0.12), 0.3
APART_SECONDS = 0.1
# A flash: only scores below this one, all nearer to each other than that. Closer looks did not confirm it, nor does
# another frame. For it the last value of REJECTED counts.
WEAK = 0.3
# A track that scores less than MODERATE, and that is not confirmed, is masked for half of `look_around` only before its
# first detection and after its last one: in real clips half of what such tracks mask lies there, and no face.
MODERATE, SHORT = 0.6, 0.5
# Until it is confirmed, a track is asked about again after so many seconds, and when it scores so much higher before.
AGAIN_SECONDS, HIGHER = 1.0, 0.05


class SeenFrame(Protocol):
    """A frame in the look-ahead window, as far as it matters here."""

    seconds: float
    masks: dict[int, Box]
    followed: set[int]
    may_be_cut: bool

    def score_of(self, track: int) -> float | None:
        """The score with which a track was detected in this very frame, None where it was not."""


FrameT = TypeVar("FrameT", bound=SeenFrame)


@dataclass(slots=True, eq=False)
class Question(Generic[FrameT]):
    """Whether what a track shows in the frames of its best detections, each with its box, is a face.

    `score` is that of the best one, `times` are those of the frames in seconds. `answer` is the best score that the
    second detector gives it; None: there is no answer, and the track stays masked. `seen` is empty once what the boxes
    show was taken.
    """

    seen: list[tuple[FrameT, Box]]
    score: float
    asked_at: float
    answer: float | None = None
    times: frozenset[float] = field(init=False)

    def __post_init__(self) -> None:
        self.times = frozenset(frame.seconds for frame, _ in self.seen)

    def is_open(self, score: float, seconds: float) -> bool:
        """Whether to ask again, at a time at which the track scores at best so much. A face stays one."""
        if self.answer is not None and self.answer >= CONFIRMED:
            return False
        return score >= self.score + HIGHER or seconds - self.asked_at >= AGAIN_SECONDS


class DoubtfulTracks(Generic[FrameT]):
    """Asks about the tracks of one stream, as its frames leave the look-ahead window. `look_around` is in seconds."""

    def __init__(self, look_around: float) -> None:
        self._near = SHORT * look_around + 1e-6
        self._asked: dict[int, Question[FrameT]] = {}
        self._certain: set[int] = set()
        self._last: dict[int, float] = {}

    def ask(self, window: Sequence[FrameT]) -> dict[int, Question[FrameT]]:
        """The questions about the doubtful tracks of the first frame of a window, those of before included.

        A track about which there is no question is masked. What was asked before a frame that may begin a new
        scene no longer counts: the track goes on, but may show another thing.
        """
        frame = window[0]
        if frame.may_be_cut:
            self._asked = {}
        asked: dict[int, Question[FrameT]] = {}
        for track in frame.masks:
            if track in self._certain:
                continue
            best = _best(track, window)
            score = best[0][0] if best else 0.0
            if score >= CERTAIN:
                self._certain.add(track)
                continue
            question = self._asked.get(track)
            if best and (question is None or question.is_open(score, frame.seconds)):
                question = Question([(one, one.masks[track]) for _, one in best], score, frame.seconds)
            if question is not None:
                asked[track] = question
        self._asked = asked
        self._certain &= frame.masks.keys()
        return asked

    def ends(self, window: Sequence[FrameT]) -> set[int]:
        """The tracks asked about that the first frame of a window masks far from their first or their last detection.

        After `ask`, with each frame of a stream once, in order. Where a face was followed to counts as a detection.
        """
        frame = window[0]
        seen = {track: frame.seconds for track in frame.masks if _is_seen(track, frame)}
        self._last = {track: time for track, time in (self._last | seen).items() if track in frame.masks}
        ends = set()
        for track in self._asked.keys() - seen.keys():
            coming = next((one.seconds for one in window if _is_seen(track, one)), None)
            known = [time for time in (self._last.get(track), coming) if time is not None]
            if len(known) == 1 and abs(frame.seconds - known[0]) > self._near:
                ends.add(track)
        return ends


def _is_seen(track: int, frame: SeenFrame) -> bool:
    return track in frame.followed or frame.score_of(track) is not None


def _best(track: int, window: Sequence[FrameT]) -> list[tuple[float, FrameT]]:
    """The frames of a window in which a track scores best, with its scores, best first: as many as are looked at."""
    scored = [(score, one) for one in window if (score := one.score_of(track)) is not None]
    best: list[tuple[float, FrameT]] = []
    for score, one in sorted(scored, key=lambda seen: -seen[0]):
        if all(abs(one.seconds - other.seconds) > APART_SECONDS - 1e-6 for _, other in best):
            best.append((score, one))
        if len(best) == len(REJECTED):
            break
    return best


class Verdicts:
    """What the answers say about each track: all of its frames that were looked at count, and a face stays one.

    A track that scored WEAK and more when it was rejected stays so while it scores less, unless that is confirmed or it
    may show another thing since a cut: what it is was seen better before.
    """

    def __init__(self) -> None:
        self._faces: set[int] = set()
        self._rejected: set[int] = set()
        self._answers: dict[int, tuple[frozenset[float], float, float]] = {}

    def rejected(self, questions: Mapping[int, Question[FrameT]], *, may_be_cut: bool = False) -> dict[int, float]:
        """The tracks of a frame that are no faces, each with the second detector's score. Frames come in order."""
        rejected = {}
        if may_be_cut:
            self._rejected = set()
        before, self._answers = self._answers, {}
        for track, question in questions.items():
            if question.answer is None or track in self._faces:
                continue
            times, best, score = before.get(track, (frozenset(), 0.0, 0.0))
            was_seen_better = track in self._rejected and score >= WEAK > question.score
            if not was_seen_better or question.answer >= CONFIRMED:
                times, best, score = times | question.times, max(best, question.answer), max(score, question.score)
            self._answers[track] = times, best, score
            if best >= CONFIRMED:
                self._faces.add(track)
            elif best < _limit(score, len(times)):
                rejected[track] = best
        self._rejected = set(rejected)
        return rejected

    def unconfirmed(self, tracks: Iterable[int]) -> list[int]:
        """Those of a frame's tracks that may be no face, after `rejected` took its questions."""
        answers = {track: self._answers[track] for track in tracks if track in self._answers}
        return [track for track, (_, best, score) in answers.items() if score < MODERATE and best < CONFIRMED]


def _limit(score: float, frames: int) -> float:
    """Below what answer a track with such a best score is rejected, of which so many frames were looked at."""
    is_flash = score < WEAK and frames == 1
    return REJECTED[-1] if is_flash else REJECTED[min(frames, len(REJECTED)) - 1]
