"""Links faces over time and covers the frames in which the detector missed them, forwards and backwards.

A face that scores at least the threshold starts a track; a weaker one continues a track. A small face also starts one
by weak finds alone, once those that follow each other add up to the threshold. Frames between two finds of a track are
covered by interpolation, frames before its first and after its last find for `look_around` seconds, along the camera's
motion. Nothing is carried over a cut. Frames leave in order, `look_around` seconds late, which is all the memory taken.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from faceblur.tracking.boxes import STILL, Box, Camera, centre, hull, interpolate, match, shifted

T = TypeVar("T")

# A face that is lost is looked for along its last own motion, but no further than its own size.
MAX_DRIFT = 1.0
# Only faces up to this height start a track by weak finds: larger ones score high, and a large false find hides much.
WEAK_HEIGHT = 64.0


@dataclass(frozen=True, slots=True)
class Detection:
    """One detection: box x1, y1, x2, y2 in pixels, and its score."""

    box: Box
    score: float


@dataclass(slots=True)
class WindowedFrame(Generic[T]):
    """One frame on its way through the window.

    `item` is whatever belongs to it; `camera` tells how the picture moved since the frame before; `covers` maps a track
    to the box that is to be covered; `missed` are the tracks of which nothing above the threshold was found in this
    very frame.
    """

    item: T
    seconds: float
    scene: int
    camera: Camera = STILL
    covers: dict[int, Box] = field(default_factory=dict)
    missed: set[int] = field(default_factory=set)
    weak: list[Detection] = field(default_factory=list)

    @property
    def filled(self) -> list[Box]:
        """The boxes that the detector alone would have left clear."""
        return [self.covers[track] for track in sorted(self.missed)]


@dataclass(slots=True)
class _Track:
    """A face, or what may be one as long as its `evidence`, the sum of its scores, is below the threshold.

    `last` is its last find, at `seconds`; `box` is where the camera has carried it since; `velocity` is its own motion
    in pixels a second, None before its second find. `first`, at `begun`, is what it began with.
    """

    first: Box
    begun: float
    last: Box
    box: Box
    seconds: float
    evidence: float
    velocity: complex | None = None
    number: int = 0

    @classmethod
    def begin(cls, one: Detection, seconds: float) -> _Track:
        return cls(one.box, seconds, one.box, one.box, seconds, one.score)

    def at(self, seconds: float) -> Box:
        """Where the face would be if it went on as it moved last."""
        return shifted(self.box, (self.velocity or 0) * (seconds - self.seconds), MAX_DRIFT)

    def find(self, one: Detection, seconds: float) -> None:
        velocity = (centre(one.box) - centre(self.box)) / max(seconds - self.seconds, 1e-6)
        self.velocity = velocity if self.velocity is None else (self.velocity + velocity) / 2  # boxes tremble
        self.last = self.box = one.box
        self.seconds = seconds
        self.evidence += one.score


class Tracker(Generic[T]):
    """Takes frames in order by `push`, gives them back in order with what to cover; `flush` gives the last ones.

    At most `most_frames` wait in the window, also where frames come so densely that it is shorter than `look_around`.
    """

    def __init__(self, *, threshold: float, look_around: float, most_frames: int = 1000) -> None:
        self._threshold, self._look_around = threshold, look_around
        self._reach = look_around + 1e-6  # 0.4 seconds are not always 0.4 in floating point
        self._most_frames = most_frames
        self._window: deque[WindowedFrame[T]] = deque()
        self._tracks: list[_Track] = []
        self._hints: list[_Track] = []
        self._numbers = itertools.count(1)
        self._scene = 0

    def push(
        self, item: T, seconds: float, found: Iterable[Detection], *, cut: bool = False, camera: Camera = STILL
    ) -> Iterator[WindowedFrame[T]]:
        """Add the next frame, at `seconds`, with its detections; `cut`: it begins a new scene.

        Gives the frames whose window is complete.
        """
        if cut:
            self._scene += 1
            self._tracks, self._hints = [], []
        moment = WindowedFrame(item, seconds, self._scene, camera)
        self._window.append(moment)
        strong: list[Detection] = []
        weak: list[Detection] = []
        for one in found:
            (strong if one.score >= self._threshold else weak).append(one)
        for tracks in (self._tracks, self._hints):
            tracks[:] = [track for track in tracks if seconds - track.seconds <= self._reach]
            for track in tracks:
                track.box = camera.carry(track.box)
        lost, strong = self._continue(moment, self._tracks, strong)
        # Only what the sure detections left over may be continued by an unsure one.
        lost, moment.weak = self._continue(moment, lost, weak)
        for track in lost:
            moment.covers[track.number] = hull([track.box, track.at(seconds)])
            moment.missed.add(track.number)
        for one in strong:
            self._start(_Track.begin(one, seconds), moment, one.score)
        self._gather(moment)
        return self.complete(seconds)

    def flush(self) -> Iterator[WindowedFrame[T]]:
        """Give the frames that are still in the window."""
        while self._window:
            yield self._window.popleft()

    def complete(self, seconds: float) -> Iterator[WindowedFrame[T]]:
        """Give the frames whose window is complete now that no frame before `seconds` will come."""
        while self._window and (
            seconds - self._window[0].seconds >= self._look_around or len(self._window) > self._most_frames
        ):
            yield self._window.popleft()

    def _continue(
        self, moment: WindowedFrame[T], tracks: list[_Track], found: list[Detection]
    ) -> tuple[list[_Track], list[Detection]]:
        """Match detections to tracks; the tracks and the detections that are left over."""
        pairs = match([track.at(moment.seconds) for track in tracks], [one.box for one in found])
        for row, column in pairs:
            track, one = tracks[row], found[column]
            self._fill(track, one.box, moment)
            second = track.velocity is None
            track.find(one, moment.seconds)
            if second:  # only now its own motion is known
                self._look_back(track)
            self._cover(track, moment, one.score)
        rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
        return (
            [track for index, track in enumerate(tracks) if index not in rows],
            [one for index, one in enumerate(found) if index not in columns],
        )

    def _gather(self, moment: WindowedFrame[T]) -> None:
        """Follow the small weak finds that no track took; what adds up to the threshold is a face."""
        weak = [one for one in moment.weak if one.box[3] - one.box[1] <= WEAK_HEIGHT]
        pairs = match([hint.at(moment.seconds) for hint in self._hints], [one.box for one in weak])
        for row, column in pairs:
            self._hints[row].find(weak[column], moment.seconds)
        sure = [hint for hint in self._hints if hint.evidence >= self._threshold]
        self._hints = [hint for hint in self._hints if hint.evidence < self._threshold]
        columns = {column for _, column in pairs}
        self._hints += [_Track.begin(one, moment.seconds) for index, one in enumerate(weak) if index not in columns]
        for hint in sure:
            hint.first, hint.begun = hint.last, hint.seconds
            self._start(hint, moment, 0)

    def _start(self, track: _Track, moment: WindowedFrame[T], score: float) -> None:
        track.number = next(self._numbers)
        self._tracks.append(track)
        self._cover(track, moment, score)
        self._look_back(track)

    def _cover(self, track: _Track, moment: WindowedFrame[T], score: float) -> None:
        moment.covers[track.number] = track.last
        if score < self._threshold:
            moment.missed.add(track.number)

    def _fill(self, track: _Track, box: Box, now: WindowedFrame[T]) -> None:
        """Cover the frames between a track's last find and this one, each by the union with its neighbours' places."""
        gap = list(itertools.takewhile(lambda one: one.seconds > track.seconds, reversed(self._window)))[:0:-1]
        if not gap:
            return
        later = [*gap[1:], now]
        # Both finds where the camera carries them in each frame of the gap.
        forth = itertools.accumulate(gap, lambda at, one: one.camera.carry(at), initial=track.last)
        back = itertools.accumulate(reversed(later), lambda at, one: one.camera.carry_back(at), initial=box)
        span = now.seconds - track.seconds
        times = [track.seconds, *(one.seconds for one in gap), now.seconds]
        shares = [(seconds - track.seconds) / span for seconds in times]
        for index, (one, first, last) in enumerate(zip(gap, [*forth][1:], [*back][:0:-1], strict=True)):
            one.covers[track.number] = hull(interpolate(first, last, share) for share in shares[index : index + 3])
            one.missed.add(track.number)

    def _look_back(self, track: _Track) -> None:
        """Cover the frames before a track's first find, along weak finds and its own motion where these are known."""
        box = straight = track.first
        for later, one in itertools.pairwise(reversed(self._window)):
            if later.seconds > track.begun:
                continue
            ahead = track.begun - one.seconds
            if one.scene != self._scene or ahead > self._reach:
                break
            box, straight = later.camera.carry_back(box), later.camera.carry_back(straight)
            if earlier := match([box], [weak.box for weak in one.weak]):
                cover = box = one.weak[earlier[0][1]].box
            else:
                cover = hull([box, straight, shifted(straight, -(track.velocity or 0) * ahead, MAX_DRIFT)])
            one.covers[track.number] = cover
            one.missed.add(track.number)
