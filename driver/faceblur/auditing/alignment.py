"""Which frame of an output belongs to which of its source, told by small copies of the pictures, then by the times.

Frames that were dropped, doubled or cut out shift all that follow. The cheapest sequence of shifts is found as a
shortest path (Viterbi): a frame costs what its picture differs by, in units of the usual coding error; a change of the
shift costs as much as several frames that differ. It streams: only small copies are held, in a window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.auditing.legible import Gray

# The long side of the small copies, in pixels: the noise of a sensor averages out, a frame's motion does not.
SMALL = 64
# At most this many frames missing, or too many, in all; beyond that the frames behind count as other pictures.
MAX_SHIFT = 32
# A change of the shift costs more than two swapped frames do: these are told by `faceblur.auditing.order`.
SHIFT_COST, TIME_COST, MAX_COST = 15.0, 0.25, 10.0
# The usual coding error of a small copy, mean square in gray levels, that is assumed at the beginning and at least.
MIN_TYPICAL = 1.0
MIN_PIXELS = 24


@dataclass(frozen=True, slots=True)
class Still:
    """A frame's time in seconds and its small copy; of a source's, where it is `clear` of what was redacted."""

    seconds: float
    picture: Gray
    clear: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Step:
    """One step through both videos: a pair of frames, one of the source that is missing, or one too many."""

    kind: Literal["pair", "missing", "extra"]
    source: int
    output: int


@dataclass(frozen=True, slots=True)
class Alignment:
    """How the frames belong together: from each output frame of `changes` on, source = output + shift."""

    changes: tuple[tuple[int, int], ...]
    source_frames: int
    output_frames: int

    def __iter__(self) -> Iterator[Step]:
        source, shift = 0, 0
        changes = deque(self.changes)
        for output in range(self.output_frames):
            if changes and changes[0][0] == output:
                shift = changes.popleft()[1]
                while source < min(output + shift, self.source_frames):
                    yield Step("missing", source, output)
                    source += 1
            if source > output + shift or source == self.source_frames:
                yield Step("extra", source, output)
                continue
            yield Step("pair", source, output)
            source += 1
        for rest in range(source, self.source_frames):
            yield Step("missing", rest, self.output_frames)


def small(picture: NDArray[np.float32]) -> Gray:
    """The small copy of a picture `(H, W)`."""
    height, width = picture.shape
    scale = min(1.0, SMALL / max(height, width))
    size_wh = max(4, round(width * scale)), max(4, round(height * scale))
    return cv2.resize(picture, size_wh, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def align(source: Iterable[Still], output: Iterable[Still], tolerance: float) -> Alignment:
    """Find out how the frames of two videos belong together; `tolerance` is what times may differ by, in seconds."""
    frames = iter(source)
    window: deque[Still | None] = deque([None] * MAX_SHIFT)  # of the source: frame - MAX_SHIFT to frame + MAX_SHIFT
    read = 0
    for _ in range(MAX_SHIFT + 1):
        still = next(frames, None)
        window.append(still)
        read += still is not None
    shifts = np.arange(-MAX_SHIFT, MAX_SHIFT + 1)
    costs = SHIFT_COST * (shifts != 0)
    paths: list[tuple[tuple[int, int], ...]] = [((0, int(shift)),) if shift else () for shift in shifts]
    typical, count, offset = MIN_TYPICAL, 0, 0.0
    for number, still in enumerate(output):
        if number == 0 and (first := window[MAX_SHIFT]) is not None:
            offset = still.seconds - first.seconds
        differences = np.array([_difference(still, one) for one in window])
        if number == 0:
            typical = max(MIN_TYPICAL, float(differences.min()))
        step = np.minimum(differences / typical, MAX_COST)
        late = [one is None or abs(still.seconds - one.seconds - offset) > tolerance for one in window]
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


def _difference(output: Still, source: Still | None) -> float:
    """The mean square of what two small copies differ by where neither is redacted."""
    if source is None:
        return np.inf
    if np.count_nonzero(source.clear) < MIN_PIXELS:
        return MIN_TYPICAL
    return float(((output.picture - source.picture)[source.clear] ** 2).mean())
