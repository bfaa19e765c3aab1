"""Aligns the frames of an output with those of its source: by small gray copies, then by the times.

Frames that were dropped, doubled or cut out shift all that follow. The cheapest sequence of shifts is found as a
shortest path (Viterbi): the cost of a frame is its difference from the source's, in units of the usual coding error; a
change of the shift costs as much as several frames that differ. It streams: only small frames are kept, in a window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
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

GrayImage = NDArray[np.float32]
StepKind = Literal["pair", "missing", "extra"]


@dataclass(frozen=True, slots=True)
class SmallFrame:
    """A frame's time in seconds and its small gray copy; of a source's, where it is `clear` of masks."""

    seconds: float
    image: GrayImage
    clear: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class AlignmentStep:
    """One step through both videos: a pair of frames, one of the source that is missing, or one too many."""

    kind: StepKind
    source: int
    output: int


@dataclass(frozen=True, slots=True)
class Alignment:
    """Which frames belong together: from each output frame of `changes` on, source = output + shift.

    `damage` is what could not be read of the source.
    """

    changes: tuple[tuple[int, int], ...]
    source_frames: int
    output_frames: int
    damage: tuple[str, ...] = ()

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
    """The gray levels of an image `(H, W, 3) uint8 BGR`."""
    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)


def small_frame(gray: GrayImage, seconds: float, clear: NDArray[np.bool_] | None = None) -> SmallFrame:
    """The small copy of a frame `(H, W)`; `clear`, of the same shape, is where it is not masked, None: everywhere."""
    copy = shrink(gray)
    if clear is None:
        return SmallFrame(seconds, copy, np.ones(copy.shape, np.bool_))
    share = cv2.resize(clear.astype(np.float32), copy.shape[::-1], interpolation=cv2.INTER_AREA)
    return SmallFrame(seconds, copy, share > CLEAR_SHARE)


def shrink(gray: GrayImage) -> GrayImage:
    """An image `(H, W)` at a long side of at most SMALL pixels."""
    height, width = gray.shape
    scale = min(1.0, SMALL / max(height, width))
    size_wh = max(4, round(width * scale)), max(4, round(height * scale))
    return cv2.resize(gray, size_wh, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def align(source: Iterable[SmallFrame], output: Iterable[SmallFrame], tolerance: float) -> Alignment:
    """Find which frames of two videos belong together; `tolerance` is the largest difference of times, in seconds."""
    frames = iter(source)
    window: deque[SmallFrame | None] = deque([None] * MAX_SHIFT)  # source frames from - MAX_SHIFT to + MAX_SHIFT
    read = 0
    for _ in range(MAX_SHIFT + 1):
        following = next(frames, None)
        window.append(following)
        read += following is not None
    shifts = np.arange(-MAX_SHIFT, MAX_SHIFT + 1)
    costs = SHIFT_COST * (shifts != 0)
    paths: list[tuple[tuple[int, int], ...]] = [((0, int(shift)),) if shift else () for shift in shifts]
    typical, count, offset = MIN_TYPICAL, 0, 0.0
    for number, frame in enumerate(output):
        if number == 0 and (first := window[MAX_SHIFT]) is not None:
            offset = frame.seconds - first.seconds
        differences = np.array([_difference(frame, one) for one in window])
        if number == 0:
            typical = max(MIN_TYPICAL, float(differences.min()))
        step = np.minimum(differences / typical, MAX_COST)
        late = [one is None or abs(frame.seconds - one.seconds - offset) > tolerance for one in window]
        step += TIME_COST * np.array(late)
        best = int(np.argmin(costs))
        jump = costs[best] + SHIFT_COST < costs
        paths = [
            (*paths[best], (number, int(shifts[index]))) if jump[index] else path for index, path in enumerate(paths)
        ]
        costs = np.where(jump, costs[best] + SHIFT_COST, costs) + step
        costs -= costs.min()
        own = differences[int(np.argmin(costs))]
        if np.isfinite(own):
            typical = max(MIN_TYPICAL, 0.9 * typical + 0.1 * float(own))
        count += 1
        following = next(frames, None)
        read += following is not None
        window.popleft()
        window.append(following)
    read += sum(1 for _ in frames)
    unmatched = read - count - shifts
    costs = np.where(unmatched < 0, costs + MAX_COST * -unmatched, costs + SHIFT_COST * (unmatched > 0))
    return Alignment(paths[int(np.argmin(costs))], read, count)


def _difference(output: SmallFrame, source: SmallFrame | None) -> float:
    """The mean squared difference of two small frames where neither is masked; infinite without a source's."""
    if source is None:
        return np.inf
    if np.count_nonzero(source.clear) < MIN_PIXELS:
        return MIN_TYPICAL
    return float(((output.image - source.image)[source.clear] ** 2).mean())
