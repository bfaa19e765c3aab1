"""Whether each output frame shows its own frame of the source: finds frames that were swapped, repeated or replaced.

A frame is compared with those around it by the small frames of `frame_alignment`. A codec blurs a frame, and at strong
compression repeats much of the last one; it never reverses the difference between two frames.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from faceblur.auditing.frame_alignment import MIN_PIXELS, SmallFrame, SmallImage

# Two frames count as swapped when the output's difference between them is this share of the source's, reversed.
REVERSED = 0.5
# A frame shows another one when its error against that is this many times smaller than against its own.
TIMES_NEARER = 2.0
# Frames of the source that differ by less than the first, mean square in gray levels, are the same to a viewer; by
# less than the second they may differ in noise alone, which an encoder may repeat.
MIN_MOTION, MORE_THAN_NOISE = 1.0, 4.0
# A frame that differs by this much, mean square in gray levels, and by this many times the usual, shows none of these.
FOREIGN, TIMES_USUAL = 400.0, 8.0
# Frames on each side that a frame is compared with, 4 seconds of them at 25 a second.
NEIGHBOURS = 100


@dataclass(slots=True)
class MisplacedFrame:
    """An output frame that does not show its own frame of the source, but `shows`; None: none of those around it.

    `seconds` is the time of its own frame.
    """

    source: int
    output: int
    seconds: float
    shows: int | None
    swapped: bool = False


@dataclass(slots=True)
class _OrderedPair:
    source: int
    output: int
    seconds: float
    own: float
    best: float
    shows: int | None = None
    swapped: bool = False


class FrameOrder:
    """Takes pairs of frames in order by `push`, and yields the misplaced ones NEIGHBOURS pairs later.

    `flush` yields those of the last pairs.
    """

    def __init__(self) -> None:
        self._pairs: deque[_OrderedPair] = deque()
        self._usual = MIN_MOTION
        self._sources = self._outputs = self._clear = np.empty((0, 0), np.float32)

    def push(self, source: int, output: int, of_source: SmallFrame, of_output: SmallFrame) -> Iterator[MisplacedFrame]:
        """Add the next pair: the frames' numbers and small frames."""
        s, o = of_source.image.ravel(), of_output.image.ravel()
        clear = of_source.clear.ravel().astype(np.float32)
        if not self._pairs:
            self._sources = self._outputs = self._clear = np.empty((0, s.size), np.float32)
        own = _mean((o - s) ** 2, clear) if clear.sum() >= MIN_PIXELS else 0.0
        pair = _OrderedPair(source, output, of_source.seconds, own, own)
        if self._pairs:
            self._compare(pair, s, o, clear)
        self._pairs.append(pair)
        self._sources = np.vstack([self._sources, s])[-NEIGHBOURS:]
        self._outputs = np.vstack([self._outputs, o])[-NEIGHBOURS:]
        self._clear = np.vstack([self._clear, clear])[-NEIGHBOURS:]
        if len(self._pairs) > NEIGHBOURS:
            yield from self._judge(self._pairs.popleft())

    def flush(self) -> Iterator[MisplacedFrame]:
        """Decide about the frames that are still in the window."""
        while self._pairs:
            yield from self._judge(self._pairs.popleft())

    def _compare(self, pair: _OrderedPair, s: SmallImage, o: SmallImage, clear: SmallImage) -> None:
        both = self._clear * clear
        weight = both.sum(axis=1)
        weight[weight < MIN_PIXELS] = np.nan
        mine = _means(self._sources - o, both, weight)
        theirs = _means(self._outputs - s, both, weight)
        pairs = self._pairs
        # Each must show the other: a frame between two swapped ones sees their difference reversed, too.
        swaps = (mine < pair.own) & (theirs < [other.own for other in pairs])
        nearer = (mine * TIMES_NEARER < pair.own) | (theirs * TIMES_NEARER < [other.best for other in pairs])
        # False where it is not a number. How the source moved is asked only where it counts: it takes as long again.
        moving, above_noise = swaps | nearer, np.zeros(len(pairs), np.bool_)
        rows = np.flatnonzero(moving)
        if not rows.size:
            return
        moved, both, weight = self._sources[rows] - s, both[rows], weight[rows]
        motion = _means(moved, both, weight)
        moving[rows], above_noise[rows] = motion >= MIN_MOTION, motion >= MORE_THAN_NOISE
        reversal = ((self._outputs[rows] - o) * moved * both).sum(axis=1) / weight / np.maximum(motion, 1e-9)
        swaps[rows] &= reversal < -REVERSED
        for index in np.flatnonzero(moving & swaps):
            other = pairs[index]
            if mine[index] < pair.own and theirs[index] < other.own:
                pair.swapped = other.swapped = True
                pair.shows, other.shows = other.source, pair.source
                pair.best, other.best = float(mine[index]), float(theirs[index])
        for index in np.flatnonzero(above_noise & (theirs * TIMES_NEARER < [other.best for other in pairs])):
            if not pairs[index].swapped:
                pairs[index].best, pairs[index].shows = float(theirs[index]), pair.source
        mine = np.where(above_noise, mine, np.inf)
        nearest = int(np.argmin(mine))
        if not pair.swapped and mine[nearest] * TIMES_NEARER < pair.own:
            pair.best, pair.shows = float(mine[nearest]), pairs[nearest].source

    def _judge(self, pair: _OrderedPair) -> Iterator[MisplacedFrame]:
        if pair.swapped or pair.best * TIMES_NEARER < pair.own:
            yield MisplacedFrame(pair.source, pair.output, pair.seconds, pair.shows, pair.swapped)
        elif pair.own > max(FOREIGN, TIMES_USUAL * self._usual):
            yield MisplacedFrame(pair.source, pair.output, pair.seconds, None)
        else:
            self._usual = 0.9 * self._usual + 0.1 * pair.own


def _mean(values: SmallImage, weights: SmallImage) -> float:
    return float((values * weights).sum() / weights.sum())


def _means(differences: SmallImage, both: SmallImage, weight: SmallImage) -> SmallImage:
    """The mean square of each row where `both`, 0 or 1, is 1: in so many places as `weight` says."""
    inside = differences * both
    means: SmallImage = np.einsum("ij,ij->i", inside, inside) / weight
    return means
