"""Links faces over time and covers the frames in which the detector missed them, forwards and backwards.

A face that scores at least the threshold starts a track; a weaker one only continues a track. Frames between two finds
of a track are covered by interpolation, frames before its first and after its last find for `look_around` seconds.
Nothing is carried over a cut. Frames leave in order, `look_around` seconds late: that is all the memory it takes.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
from lap import lapjv

Box = tuple[float, float, float, float]
T = TypeVar("T")

# Two boxes may be one face when they overlap by this IoU, or when they are of like size (a factor of 2) and their
# centres lie no further apart than this share of it: a small fast face may not overlap itself in the next frame.
LEAST_IOU = 0.1
MOST_DISTANCE = 1.0
MOST_GROWTH = 2.0
# A face that is lost is looked for along its last motion, but no further than its own size.
MOST_DRIFT = 1.0


@dataclass(frozen=True, slots=True)
class Found:
    """One detection: box x1, y1, x2, y2 in pixels, and its score."""

    box: Box
    score: float


@dataclass(slots=True)
class Moment(Generic[T]):
    """One frame on its way through the window.

    `item` is whatever belongs to it; `covers` maps a track to the box that is to be covered; `missed` are the tracks of
    which nothing above the threshold was found in this very frame.
    """

    item: T
    seconds: float
    scene: int
    covers: dict[int, Box] = field(default_factory=dict)
    missed: set[int] = field(default_factory=set)
    weak: list[Found] = field(default_factory=list)

    @property
    def filled(self) -> list[Box]:
        """The boxes that the detector alone would have left clear."""
        return [self.covers[track] for track in sorted(self.missed)]


@dataclass(slots=True)
class _Track:
    number: int
    box: Box
    seconds: float
    velocity: tuple[float, float] = (0.0, 0.0)

    def at(self, seconds: float) -> Box:
        """Where the face would be if it went on as it moved last."""
        width, height = self.box[2] - self.box[0], self.box[3] - self.box[1]
        gap = seconds - self.seconds
        dx = max(-MOST_DRIFT * width, min(MOST_DRIFT * width, self.velocity[0] * gap))
        dy = max(-MOST_DRIFT * height, min(MOST_DRIFT * height, self.velocity[1] * gap))
        return self.box[0] + dx, self.box[1] + dy, self.box[2] + dx, self.box[3] + dy

    def find(self, box: Box, seconds: float) -> None:
        gap = max(seconds - self.seconds, 1e-6)
        centres = [((one[0] + one[2]) / 2, (one[1] + one[3]) / 2) for one in (self.box, box)]
        self.velocity = ((centres[1][0] - centres[0][0]) / gap, (centres[1][1] - centres[0][1]) / gap)
        self.box, self.seconds = box, seconds


class Tracker(Generic[T]):
    """Takes frames in order by `push`, gives them back in order with what to cover; `flush` gives the last ones.

    At most `most_frames` wait in the window, also where frames come so densely that it is shorter than `look_around`.
    """

    def __init__(self, *, threshold: float, look_around: float, most_frames: int = 1000) -> None:
        self._threshold, self._look_around = threshold, look_around
        self._reach = look_around + 1e-6  # 0.4 seconds are not always 0.4 in floating point
        self._most_frames = most_frames
        self._window: deque[Moment[T]] = deque()
        self._tracks: list[_Track] = []
        self._numbers = itertools.count(1)
        self._scene = 0

    def push(self, item: T, seconds: float, found: Iterable[Found], *, cut: bool = False) -> Iterator[Moment[T]]:
        """Add the next frame, at `seconds`, with its detections; `cut`: it begins a new scene.

        Gives the frames whose window is complete.
        """
        if cut:
            self._scene += 1
            self._tracks.clear()
        moment = Moment(item, seconds, self._scene)
        self._window.append(moment)
        strong: list[Found] = []
        weak: list[Found] = []
        for one in found:
            (strong if one.score >= self._threshold else weak).append(one)
        self._tracks = [track for track in self._tracks if seconds - track.seconds <= self._reach]
        lost, strong_left = self._continue(moment, self._tracks, strong)
        # Only what the sure detections left over may be continued by an unsure one.
        lost, moment.weak = self._continue(moment, lost, weak)
        for track in lost:
            moment.covers[track.number] = hull([track.box, track.at(seconds)])
            moment.missed.add(track.number)
        for one in strong_left:
            track = _Track(next(self._numbers), one.box, seconds)
            self._tracks.append(track)
            moment.covers[track.number] = one.box
            self._look_back(track, moment)
        return self.complete(seconds)

    def flush(self) -> Iterator[Moment[T]]:
        """Give the frames that are still in the window."""
        while self._window:
            yield self._window.popleft()

    def complete(self, seconds: float) -> Iterator[Moment[T]]:
        """Give the frames whose window is complete now that no frame before `seconds` will come."""
        while self._window and (
            seconds - self._window[0].seconds >= self._look_around or len(self._window) > self._most_frames
        ):
            yield self._window.popleft()

    def _continue(
        self, moment: Moment[T], tracks: list[_Track], found: list[Found]
    ) -> tuple[list[_Track], list[Found]]:
        """Match detections to tracks; the tracks and the detections that are left over."""
        pairs = match([track.at(moment.seconds) for track in tracks], [one.box for one in found])
        for row, column in pairs:
            track, one = tracks[row], found[column]
            self._fill(track, one.box, moment)
            track.find(one.box, moment.seconds)
            moment.covers[track.number] = one.box
            if one.score < self._threshold:
                moment.missed.add(track.number)
        rows, columns = {row for row, _ in pairs}, {column for _, column in pairs}
        return (
            [track for index, track in enumerate(tracks) if index not in rows],
            [one for index, one in enumerate(found) if index not in columns],
        )

    def _fill(self, track: _Track, box: Box, now: Moment[T]) -> None:
        """Cover the frames between a track's last find and this one, each by the union with its neighbours' places."""
        gap = [one for one in self._window if track.seconds < one.seconds < now.seconds]
        span = now.seconds - track.seconds
        for index, one in enumerate(gap):
            before = gap[index - 1].seconds if index else track.seconds
            after = gap[index + 1].seconds if index + 1 < len(gap) else now.seconds
            shares = [(seconds - track.seconds) / span for seconds in (before, one.seconds, after)]
            one.covers[track.number] = hull(interpolate(track.box, box, share) for share in shares)
            one.missed.add(track.number)

    def _look_back(self, track: _Track, now: Moment[T]) -> None:
        """Cover the frames before a track's first find, along weak detections where there are any."""
        box = track.box
        for one in reversed(self._window):
            if one is now:
                continue
            if one.scene != now.scene or now.seconds - one.seconds > self._reach:
                break
            earlier = match([box], [weak.box for weak in one.weak])
            if earlier:
                box = one.weak.pop(earlier[0][1]).box
            one.covers[track.number] = hull([box, track.box]) if not earlier else box
            one.missed.add(track.number)


def match(expected: Sequence[Box], found: Sequence[Box]) -> list[tuple[int, int]]:
    """The best one-to-one pairing of boxes that may be the same face, as pairs of indices."""
    if not expected or not found:
        return []
    a, b = np.asarray(expected, float)[:, None], np.asarray(found, float)[None, :]
    overlap = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None).prod(axis=-1)
    sizes = [np.maximum((one[..., 2:] - one[..., :2]), 1e-6) for one in (a, b)]
    areas = [size.prod(axis=-1) for size in sizes]
    iou = overlap / (areas[0] + areas[1] - overlap)
    side = np.sqrt(np.minimum(*np.broadcast_arrays(*areas)))
    between = np.linalg.norm((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2, axis=-1) / side
    growth = np.sqrt(np.maximum(areas[0] / areas[1], areas[1] / areas[0]))
    possible = (iou >= LEAST_IOU) | ((between <= MOST_DISTANCE) & (growth <= MOST_GROWTH))
    # Overlap first, nearness second; what is not possible costs more than any possible pair.
    cost = np.where(possible, 2 - iou + np.minimum(between, 9) / 10, 1e3)
    _, columns, _ = lapjv(cost, extend_cost=True)
    return [(row, int(column)) for row, column in enumerate(columns) if column >= 0 and possible[row, column]]


def interpolate(first: Box, last: Box, share: float) -> Box:
    """The box that lies `share` of the way, 0 to 1, from the first to the last."""
    rest = 1 - share
    return (
        rest * first[0] + share * last[0],
        rest * first[1] + share * last[1],
        rest * first[2] + share * last[2],
        rest * first[3] + share * last[3],
    )


def hull(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds them all."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)
