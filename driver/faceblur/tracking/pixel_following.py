"""Follows faces that the detector no longer detects by their own pixels, from one frame to the next.

As MedianFlow does (Kalal et al., 2010): points on a grid in the face are followed by sparse optical flow, there and
back. The face moves as the median of those that come back to where they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.tracking.boxes import Box
from faceblur.tracking.thumbnails import Sighting, Thumbnail

# Points of a face: so many in each direction, within this share of its box.
GRID, INNER = 5, 0.7
FLOW_WH, FLOW_LEVELS = (9, 9), 2
# A point that comes back further away than this, in pixels of the copy, was not found again. With less than this share
# of its points in the frame, or with fewer than so many, the face is lost.
MAX_RETURN, MIN_FOUND, MIN_POINTS = 1.0, 0.4, 5
# A face is compared with how it looked when it was detected last, as a patch of so many pixels a side. Below this
# correlation, where a face has turned away or something else is in front of it, following is a guess: with 0.5 and 0.3
# no more faces were masked in real clips, only more of what is none.
PATCH, MIN_LIKENESS = 16, 0.7
# With less than this share of it in the frame, a face has left.
MIN_INSIDE = 0.2

Points = NDArray[np.float32]


def follow(
    before: Thumbnail,
    after: Thumbnail,
    faces: Sequence[tuple[Box, Sighting]],
    min_likeness: float = MIN_LIKENESS,
) -> list[Box | None]:
    """Where faces lie in a frame, from their boxes in the frame before; None for those that are lost.

    Each comes with its last detection, which it has to look like.
    """
    if not faces or before.gray.shape != after.gray.shape:
        return [None] * len(faces)
    points = np.concatenate([_grid(box, before.scale) for box, _ in faces])
    flow: Any = cv2.calcOpticalFlowPyrLK  # its stub does not know that the fourth may be None
    there, found, _ = flow(before.gray, after.gray, points, None, winSize=FLOW_WH, maxLevel=FLOW_LEVELS)
    back, returned, _ = flow(after.gray, before.gray, there, None, winSize=FLOW_WH, maxLevel=FLOW_LEVELS)
    inside = _inside(points, before)
    kept = inside & _inside(there, after) & (found[:, 0] > 0) & (returned[:, 0] > 0)
    kept &= np.linalg.norm(back - points, axis=1) <= MAX_RETURN
    moved: list[Box | None] = []
    for number, (box, detected) in enumerate(faces):
        own = slice(number * GRID**2, (number + 1) * GRID**2)
        enough = kept[own].sum() >= max(MIN_POINTS, MIN_FOUND * inside[own].sum())
        way = np.median((there - points)[own][kept[own]], axis=0) * before.scale if enough else None
        new = None if way is None else (box[0] + way[0], box[1] + way[1], box[2] + way[0], box[3] + way[1])
        moved.append(new and _if_alike(detected, Sighting(after, _floats(new)), min_likeness))
    return moved


def follow_on(
    seen: Thumbnail, box: Box, thumbnails: Iterable[Thumbnail | None], min_likeness: float = MIN_LIKENESS
) -> list[Box]:
    """Where a face that was `seen` in a box lies in each of the frames that come next, in either direction of time.

    The list ends with the frame before the one in which it is lost.
    """
    boxes: list[Box] = []
    before, sighting = seen, Sighting(seen, box)
    for after in thumbnails:
        (found,) = follow(before, after, [(box, sighting)], min_likeness) if after is not None else (None,)
        if after is None or found is None:
            break
        boxes.append(found)
        before, box = after, found
    return boxes


def _grid(box: Box, scale: float) -> Points:
    """The points of a box `(GRID * GRID, 2)`, in pixels of the copy."""
    steps = ((np.arange(GRID) + 0.5) / GRID - 0.5) * INNER
    x, y = np.meshgrid(
        (box[0] + box[2]) / 2 + steps * (box[2] - box[0]), (box[1] + box[3]) / 2 + steps * (box[3] - box[1])
    )
    # The middle of the first pixel is at 0.5 in a frame, at 0 in the flow.
    return (np.stack([x.ravel(), y.ravel()], axis=1) / scale - 0.5).astype(np.float32)


def _inside(points: Points, frame: Thumbnail) -> NDArray[np.bool_]:
    return np.asarray(((points >= 0) & (points <= np.array(frame.gray.shape[::-1]) - 1)).all(axis=1))


def _floats(box: Sequence[float]) -> Box:
    return float(box[0]), float(box[1]), float(box[2]), float(box[3])


def _if_alike(detected: Sighting, seen: Sighting, min_likeness: float) -> Box | None:
    """The second one's box, if it looks as the first one does where both are inside the frame."""
    (one, inside_one), (other, inside_other) = _patch(detected), _patch(seen)
    inside = inside_one & inside_other
    if inside.mean() < MIN_INSIDE:
        return None
    one, other = one[inside] - one[inside].mean(), other[inside] - other[inside].mean()
    alike = float(one @ other) >= min_likeness * float(np.linalg.norm(one) * np.linalg.norm(other))
    return seen.box if alike else None


def _patch(one: Sighting) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """What a box shows, `(PATCH, PATCH)` gray levels, and which of these pixels are inside the frame."""
    gray = one.thumbnail.gray
    x1, y1, x2, y2 = (value / one.thumbnail.scale for value in one.box)
    step_x, step_y = (x2 - x1) / PATCH, (y2 - y1) / PATCH
    left, top = x1 + step_x / 2 - 0.5, y1 + step_y / 2 - 0.5  # the middle of the first pixel, at 0 in the warp
    matrix = np.array([[step_x, 0, left], [0, step_y, top]], float)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    patch = cv2.warpAffine(gray, matrix, (PATCH, PATCH), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    x, y = left + step_x * np.arange(PATCH), top + step_y * np.arange(PATCH)
    inside = np.outer((y > -0.5) & (y < gray.shape[0] - 0.5), (x > -0.5) & (x < gray.shape[1] - 0.5))
    return np.asarray(patch, np.float32), inside
