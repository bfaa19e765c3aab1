"""Which labelled faces of a video stay exposed: after detection, tracking and everything that the driver would cover.

A face is exposed in a frame when less than COVERED_SHARE of it, as far as it lies in the frame, is under the opaque
part of the covered ellipses. A face is taken for the ellipse in its labelled box, whose corners hold none. Not all of
it is asked for, since labels are not exact to the pixel: a cover shifted by a tenth of the face leaves about that much.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceblur.evaluation.labels import Label, visible
from faceblur.evaluation.scores import BANDS, COUNTED, MIN_HEIGHT, Sample
from faceblur.redaction.plan import LOW_THRESHOLD, window_frames
from faceblur.tracking.boxes import Box
from faceblur.tracking.scenes import Step
from faceblur.tracking.tracker import Detection, Tracker, WindowedFrame
from faceblur_function.masks import SOFT_EDGE, Region, regions

Ellipses = NDArray[np.float64]
COVERED_SHARE = 0.9
# Points a side at which a box is looked at.
GRID = 32


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One frame of a video: when it is shown, how it follows the one before, its labels as written, its finds."""

    seconds: float
    step: Step
    labels: Sequence[Label]
    found: Sequence[Detection]


@dataclass(frozen=True, slots=True)
class Clip:
    """A whole video; `frame_bytes` is the size of a decoded frame, which bounds the driver's look-ahead."""

    path: Path
    frame_wh: tuple[int, int]
    frame_bytes: int
    frames: list[ClipFrame]

    def samples(self) -> list[Sample]:
        """Each frame as a picture, for the scores."""
        return [Sample(visible(frame.labels, self.frame_wh), frame.found) for frame in self.frames]


@dataclass(frozen=True, slots=True)
class Exposure:
    """One video. Faces of MIN_HEIGHT pixels and more count; `by_height` has pairs of faces and exposed ones.

    The longest run is of consecutive frames with an exposed face, whichever: what a viewer meets. Its first frame
    counts from 0, None without any.
    """

    video: str
    frames: int
    faces: int
    exposed_faces: int
    exposed_rate: float | None
    exposed_frames: int
    longest_run_frames: int
    longest_run_seconds: float
    longest_run_first_frame: int | None
    by_height: dict[str, tuple[int, int]]


def exposure(
    clip: Clip, *, threshold: float, padding: float, look_around: float, stop: threading.Event | None = None
) -> Exposure:
    """Cover a video's finds as a run with these settings would, and count the labelled faces that stay exposed.

    `stop` ends it early.
    """
    counts = {height: [0, 0] for height in BANDS}
    shown: list[int] = []
    for number, (frame, covers) in enumerate(_covered(clip, threshold, look_around)):
        if stop is not None and stop.is_set():
            break
        covered = ellipses(regions(covers, padding))
        any_shown = False
        for label in frame.labels:
            if label.ignored or not (seen := visible([label], clip.frame_wh)):
                continue
            height = seen[0].box[3] - seen[0].box[1]
            is_exposed = covered_share(label.box, covered, clip.frame_wh) < COVERED_SHARE
            any_shown |= is_exposed and height >= MIN_HEIGHT
            for name, (first, end) in BANDS.items():
                if first <= height < end:
                    counts[name][0] += 1
                    counts[name][1] += is_exposed
        if any_shown:
            shown.append(number)
    begin, end = _longest_run(shown)
    faces, exposed = counts[COUNTED]
    return Exposure(
        video=str(clip.path),
        frames=len(clip.frames),
        faces=faces,
        exposed_faces=exposed,
        exposed_rate=exposed / faces if faces else None,
        exposed_frames=len(shown),
        longest_run_frames=end - begin,
        longest_run_seconds=_span_seconds(clip, begin, end),
        longest_run_first_frame=begin if shown else None,
        by_height={name: (pair[0], pair[1]) for name, pair in counts.items()},
    )


def _covered(clip: Clip, threshold: float, look_around: float) -> Iterator[tuple[ClipFrame, list[Box]]]:
    """Each frame, in order, with every box that the driver covers in it."""
    tracker: Tracker[ClipFrame] = Tracker(
        threshold=threshold, look_around=look_around, most_frames=window_frames(clip.frame_bytes)
    )
    low = min(threshold, LOW_THRESHOLD) if look_around else threshold

    def through() -> Iterator[WindowedFrame[ClipFrame]]:
        for frame in clip.frames:
            found = [one for one in frame.found if one.score >= low]
            yield from tracker.push(frame, frame.seconds, found, cut=frame.step.cut, camera=frame.step.camera)
        yield from tracker.flush()

    for moment in through():
        yield moment.item, list(moment.covers.values())


def ellipses(covered: Sequence[Region]) -> Ellipses:
    """The opaque part of regions, `(N, 4)` as centre x, y and radii."""
    found = [(one.x, one.y, one.radius_x, one.radius_y) for one in covered]
    return np.array(found, float).reshape(-1, 4) * [1, 1, 1 - SOFT_EDGE, 1 - SOFT_EDGE]


def covered_share(box: Box, covered: Ellipses, frame_wh: tuple[int, int]) -> float:
    """The share of the ellipse in a box, as far as it lies in the frame, that lies under the others: 0 to 1."""
    x1, x2 = np.clip((box[0], box[2]), 0, frame_wh[0])
    y1, y2 = np.clip((box[1], box[3]), 0, frame_wh[1])
    steps = (np.arange(GRID) + 0.5) / GRID
    x, y = x1 + (x2 - x1) * steps[None, :], y1 + (y2 - y1) * steps[:, None]
    middle, half = np.array([box[0] + box[2], box[1] + box[3]]) / 2, np.array([box[2] - box[0], box[3] - box[1]]) / 2
    face = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 <= 1
    if x1 >= x2 or y1 >= y2 or not face.any():
        return 1.0  # nothing of it is in the picture
    inside = np.zeros((GRID, GRID), bool)
    near = (np.abs(covered[:, :2] - middle) < covered[:, 2:] + half).all(axis=1)
    for middle_x, middle_y, radius_x, radius_y in covered[near]:
        inside |= ((x - middle_x) / max(radius_x, 1e-6)) ** 2 + ((y - middle_y) / max(radius_y, 1e-6)) ** 2 <= 1
    return float(inside[face].mean())


def _longest_run(numbers: Sequence[int]) -> tuple[int, int]:
    """The first number and the one after the last of the longest run of consecutive ones; (0, 0) without any."""
    best, begin = (0, 0), 0
    for index, number in enumerate(numbers):
        if index == 0 or number != numbers[index - 1] + 1:
            begin = number
        if number + 1 - begin > best[1] - best[0]:
            best = (begin, number + 1)
    return best


def _span_seconds(clip: Clip, begin: int, end: int) -> float:
    """How long these frames are shown: up to the next frame, the last one as long as the one before it."""
    if begin == end:
        return 0.0
    times = [frame.seconds for frame in clip.frames]
    last = times[-1] + (times[-1] - times[-2] if len(times) > 1 else 0.0)
    return float([*times, last][end] - times[begin])
