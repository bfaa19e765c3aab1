"""Which labelled faces of a video stay exposed after detection, tracking and masking.

A face is exposed in a frame when less than MASKED_SHARE of it, as far as it lies in the frame, is under the opaque part
of the masks. A face is the ellipse in its labelled box: the corners show none. The share is less than 1 since labels
are not exact to the pixel: a mask that is shifted by a tenth of the face leaves about that much.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from faceblur.evaluation.height_bands import BANDS, COUNTED, MIN_HEIGHT, bands_of
from faceblur.evaluation.labels import visible
from faceblur.evaluation.report import VideoExposure
from faceblur.evaluation.samples import EvaluatedFrame, EvaluatedVideo
from faceblur.tracking.boxes import Box
from faceblur_function.mask_shapes import SOFT_EDGE, Region, regions

Ellipses = NDArray[np.float64]
MASKED_SHARE = 0.9
# Points a side at which a box is sampled.
GRID = 32


def exposure(
    video: EvaluatedVideo, masks: Sequence[Sequence[Box]], padding: float, stop: threading.Event | None = None
) -> VideoExposure:
    """Count the labelled faces of a video that stay exposed; `masks` are the boxes that are masked in each frame.

    `stop` ends it early.
    """
    counts = {band: [0, 0] for band in BANDS}
    shown: list[int] = []
    for number, (frame, boxes) in enumerate(zip(video.frames, masks, strict=True)):
        if stop is not None and stop.is_set():
            break
        labelled = list(_exposed_faces(frame, ellipses(regions(boxes, padding)), video.frame_wh))
        for height, is_exposed in labelled:
            for band in bands_of(height):
                counts[band][0] += 1
                counts[band][1] += is_exposed
        if any(is_exposed and height >= MIN_HEIGHT for height, is_exposed in labelled):
            shown.append(number)
    begin, end = _longest_run(shown)
    faces, exposed = counts[COUNTED]
    return VideoExposure(
        video=str(video.path),
        frames=len(video.frames),
        faces=faces,
        exposed_faces=exposed,
        exposed_rate=exposed / faces if faces else None,
        exposed_frames=len(shown),
        longest_run_frames=end - begin,
        longest_run_seconds=_span_seconds(video, begin, end),
        longest_run_first_frame=begin if shown else None,
        by_height={name: (pair[0], pair[1]) for name, pair in counts.items()},
    )


def _exposed_faces(frame: EvaluatedFrame, masks: Ellipses, frame_wh: tuple[int, int]) -> Iterator[tuple[float, bool]]:
    """Each labelled face of a frame that counts: its height in the frame, and whether it is exposed."""
    for label in frame.labels:
        if not label.ignored and (clipped := visible([label], frame_wh)):
            height = clipped[0].box[3] - clipped[0].box[1]
            yield height, masked_share(label.box, masks, frame_wh) < MASKED_SHARE


def ellipses(masks: Sequence[Region]) -> Ellipses:
    """The opaque part of regions, `(N, 4)` as centre x, y and radii."""
    values = [(one.x, one.y, one.radius_x, one.radius_y) for one in masks]
    return np.array(values, float).reshape(-1, 4) * [1, 1, 1 - SOFT_EDGE, 1 - SOFT_EDGE]


def masked_share(box: Box, masks: Ellipses, frame_wh: tuple[int, int]) -> float:
    """The share, 0 to 1, of the ellipse in a box that lies under the masks; only its part in the frame counts."""
    x1, x2 = np.clip((box[0], box[2]), 0, frame_wh[0])
    y1, y2 = np.clip((box[1], box[3]), 0, frame_wh[1])
    steps = (np.arange(GRID) + 0.5) / GRID
    x, y = x1 + (x2 - x1) * steps[None, :], y1 + (y2 - y1) * steps[:, None]
    middle, half = np.array([box[0] + box[2], box[1] + box[3]]) / 2, np.array([box[2] - box[0], box[3] - box[1]]) / 2
    face = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 <= 1
    if x1 >= x2 or y1 >= y2 or not face.any():
        return 1.0  # nothing of it is in the frame
    inside = np.zeros((GRID, GRID), bool)
    near = (np.abs(masks[:, :2] - middle) < masks[:, 2:] + half).all(axis=1)
    for middle_x, middle_y, radius_x, radius_y in masks[near]:
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


def _span_seconds(video: EvaluatedVideo, begin: int, end: int) -> float:
    """How long these frames are shown: up to the next frame, the last one as long as the one before it."""
    if begin == end:
        return 0.0
    times = [frame.seconds for frame in video.frames]
    last = times[-1] + (times[-1] - times[-2] if len(times) > 1 else 0.0)
    return float([*times, last][end] - times[begin])
