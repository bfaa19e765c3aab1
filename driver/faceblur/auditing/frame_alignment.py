"""Aligns the frames of an output with those of its source: by small gray copies, then by the times.

Frames that were dropped, doubled or cut out shift all that follow. The cheapest sequence of shifts is found as a
shortest path (Viterbi): the cost of a frame is its difference from the source's, in units of the usual coding error; a
change of the shift costs as much as several frames that differ. It streams: only small frames are kept, in a window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

# The long side of the small frames, in pixels: the noise of a sensor averages out, a frame's motion does not.
SMALL = 64
# At most this many frames missing, or too many, in all; frames beyond that count as other images.
MAX_SHIFT = 32
# A change of the shift costs more than two swapped frames do: `faceblur.auditing.frame_order` finds these.
SHIFT_COST, TIME_COST, MAX_COST = 15.0, 0.25, 10.0
# The usual coding error of a small frame, mean square in gray levels: the first estimate, and the lower bound.
MIN_TYPICAL = 1.0
MIN_PIXELS = 24
# A pixel of a small frame is clear when at least this share of what it averages is.
CLEAR_SHARE = 0.99

GrayImage = NDArray[np.uint8]
SmallImage = NDArray[np.float32]
StepKind = Literal["pair", "missing", "extra"]


@dataclass(frozen=True, slots=True)
class SmallFrame:
    """A frame's time in seconds and its small gray copy; of a source's, where it is `clear` of masks."""

    seconds: float
    image: SmallImage
    clear: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AlignmentStep:
    """One step through both videos: a pair of frames, one of the source that is missing, or one too many."""

    kind: StepKind
    source: int
    output: int


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which frames belong together: from each output frame of `changes` on, source = output + shift."""

    changes: tuple[tuple[int, int], ...]
    source_frames: int
    output_frames: int

    @property
    def is_shifted(self) -> bool:
        """Whether any frame belongs to another one than that of its own number."""
        return bool(self.changes) or self.source_frames != self.output_frames

    def __iter__(self) -> Iterator[AlignmentStep]:
        source, shift = 0, 0
        changes = deque(self.changes)
        for output in range(self.output_frames):
            if changes and changes[0][0] == output:
                shift = changes.popleft()[1]
                while source < min(output + shift, self.source_frames):
                    yield AlignmentStep("missing", source, output)
                    source += 1
            if source > output + shift or source == self.source_frames:
                yield AlignmentStep("extra", source, output)
                continue
            yield AlignmentStep("pair", source, output)
            source += 1
        for rest in range(source, self.source_frames):
            yield AlignmentStep("missing", rest, self.output_frames)


def gray_image(image: NDArray[np.uint8]) -> GrayImage:
    """The gray levels `(H, W) uint8` of an image `(H, W, 3) uint8 BGR`."""
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)  # type: ignore[return-value]


def small_frame(gray: GrayImage, seconds: float, clear: NDArray[np.bool_] | None = None) -> SmallFrame:
    """The small copy of a frame `(H, W)`; `clear`, of the same shape, is where it is not masked, None: everywhere."""
    copy = shrink(gray)
    if clear is None:
        return SmallFrame(seconds, copy, np.ones(copy.shape, np.bool_))
    return SmallFrame(seconds, copy, shrink(clear.view(np.uint8) * np.uint8(255)) > CLEAR_SHARE * 255)


def shrink(gray: GrayImage) -> SmallImage:
    """An image `(H, W)` at a long side of at most SMALL pixels."""
    height, width = gray.shape
    scale = min(1.0, SMALL / max(height, width))
    size_wh = max(4, round(width * scale)), max(4, round(height * scale))
    coarse = max(1, min(height, width) // SMALL // 2)
    if coarse > 1:
        gray = cv2.resize(gray, (width // coarse, height // coarse), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    # Not in whole gray levels: noise averages out below one.
    return cv2.resize(gray.astype(np.float32), size_wh, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


class Aligner:
    """Finds which frames of two videos belong together: takes their small frames by `push`, each video's in order.

    `tolerance` is the largest difference of their times, in seconds.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._shifts = np.arange(-MAX_SHIFT, MAX_SHIFT + 1)
        self._costs = SHIFT_COST * (self._shifts != 0)
        self._paths: list[tuple[tuple[int, int], ...]] = [((0, int(one)),) if one else () for one in self._shifts]
        # Source frames from - MAX_SHIFT to + MAX_SHIFT around the output's next one, and those beyond.
        self._window: deque[SmallFrame | None] = deque([None] * MAX_SHIFT)
        self._waiting: deque[SmallFrame] = deque()
        self._source_frames = self._output_frames = 0
        self._typical, self._offset = MIN_TYPICAL, 0.0

    def push(self, source: SmallFrame | None, output: SmallFrame | None) -> None:
        """Add a frame of each video, None where that one has ended."""
        if source is not None:
            self._source_frames += 1
            self._window.append(source)
        if output is not None:
            self._waiting.append(output)
        while self._waiting and len(self._window) > 2 * MAX_SHIFT:
            self._step(self._waiting.popleft())

    def finish(self) -> Alignment:
        """The cheapest alignment of all frames."""
        while self._waiting:
            while len(self._window) <= 2 * MAX_SHIFT:
                self._window.append(None)
            self._step(self._waiting.popleft())
        unmatched = self._source_frames - self._output_frames - self._shifts
        costs = np.where(unmatched < 0, self._costs + MAX_COST * -unmatched, self._costs + SHIFT_COST * (unmatched > 0))
        return Alignment(self._paths[int(np.argmin(costs))], self._source_frames, self._output_frames)

    def _step(self, frame: SmallFrame) -> None:
        number, window = self._output_frames, [self._window[index] for index in range(2 * MAX_SHIFT + 1)]
        if number == 0 and (first := window[MAX_SHIFT]) is not None:
            self._offset = frame.seconds - first.seconds
        differences = _differences(frame, window)
        if number == 0:
            self._typical = max(MIN_TYPICAL, float(differences.min()))
        step = np.minimum(differences / self._typical, MAX_COST)
        late = [one is None or abs(frame.seconds - one.seconds - self._offset) > self._tolerance for one in window]
        step += TIME_COST * np.array(late)
        best = int(np.argmin(self._costs))
        jump = self._costs[best] + SHIFT_COST < self._costs
        self._paths = [
            (*self._paths[best], (number, int(self._shifts[index]))) if jump[index] else path
            for index, path in enumerate(self._paths)
        ]
        costs = np.where(jump, self._costs[best] + SHIFT_COST, self._costs) + step
        self._costs = costs - costs.min()
        own = differences[int(np.argmin(self._costs))]
        if np.isfinite(own):
            self._typical = max(MIN_TYPICAL, 0.9 * self._typical + 0.1 * float(own))
        self._output_frames += 1
        self._window.popleft()


def _differences(output: SmallFrame, window: Sequence[SmallFrame | None]) -> NDArray[np.float64]:
    """The mean squared difference of each small frame where it is not masked; infinite where there is none."""
    found = np.full(len(window), np.inf)
    known = [index for index, one in enumerate(window) if one is not None]
    if not known:
        return found
    clear = np.array([one.clear.ravel() for one in window if one is not None], np.float32)
    inside = np.array([one.image.ravel() for one in window if one is not None]) - output.image.ravel()
    inside *= clear
    pixels = clear.sum(axis=1)
    means = np.einsum("ij,ij->i", inside, inside) / np.maximum(pixels, 1)
    found[known] = np.where(pixels < MIN_PIXELS, MIN_TYPICAL, means)
    return found
