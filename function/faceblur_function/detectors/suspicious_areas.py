"""Which areas of a frame may show a face that the network is not sure of: small, cut by the border, or lying."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from faceblur_function.detectors.collage import COLUMNS, Area
from faceblur_function.detectors.detector import Faces, Floats, Frame

# Suspicious is a score from the detector's `suspicion` up to SURE, of a box of at most MAX_SIDE px. Chosen by curves
# (docs/defaults.md).
SURE, MAX_SIDE = 0.3, 64.0
# A larger face below this score may turn out to be none, in the second pass or for the second detector: what lies in it
# is looked at. It is not below the CERTAIN of the driver.
CERTAIN = 0.95
# A box that comes nearer to the frame's border than BORDER of its side is suspicious at any size, from CUT_SCORE on.
CUT_SCORE, BORDER = 0.03, 0.05
# The areas of a frame have, enlarged, at most this share of its pixels; a frame of any size has room for MIN_AREAS.
MAX_SHARE, MIN_AREAS = 0.25, 16
# So many of a frame's areas may show a head that lies on its side, most suspicious first: those of at least LYING_SIDE
# px, and from LARGE_SCORE on of up to LARGE_LYING px.
LYING, LYING_SIDE, LARGE_LYING, LARGE_SCORE = 7, 20.0, 128.0, 0.03
# So many boxes are compared for each area: noise has thousands.
TRIES = 8
# Two boxes of like size are one area when their middles are closer than this share of it.
SAME_PLACE, SAME_SIZE = 0.35, 1.7


class SuspiciousAreas(NamedTuple):
    """What is to be looked at closely, most suspicious first: upright, and turned to both sides."""

    upright: list[Area]
    lying: list[Area]


def suspicious_areas(faces: Faces, frame: Frame, suspicion: float, *, tile: int) -> SuspiciousAreas:
    """The areas of what the network detected from a score of `suspicion` on, but not in a face that it is sure of.

    Enlarged, an area has `tile` times `tile` pixels.
    """
    sides = _sides(faces)
    open_ = (faces.scores < SURE) & (faces.scores >= suspicion) & (sides > 0) & ~in_sure(faces.xyxy, faces)
    cut = (faces.scores >= CUT_SCORE) & _at_border(faces.xyxy, sides, frame)
    large = (sides <= LARGE_LYING) & (faces.scores >= LARGE_SCORE)
    small = sides <= MAX_SIDE
    limit = max(MIN_AREAS, int(MAX_SHARE * frame.shape[0] * frame.shape[1] / tile**2))
    limit -= limit % COLUMNS  # a row takes as long with one area as with all
    upright = _areas(faces.xyxy[open_ & (small | cut)], limit)
    return SuspiciousAreas(upright, _areas(faces.xyxy[open_ & (sides >= LYING_SIDE) & (small | large)], LYING))


def in_sure(boxes: Floats, faces: Faces) -> NDArray[np.bool_]:
    """Whether the middle of each box lies in a face that is sure, which a large one is by a high score alone."""
    middles = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    sure = faces.xyxy[None, faces.scores >= np.where(_sides(faces) <= MAX_SIDE, SURE, CERTAIN)]
    inside = np.asarray(((sure[..., :2] <= middles) & (middles <= sure[..., 2:])).all(axis=2))
    return np.asarray(inside.any(axis=1))


def area_of(box: Floats) -> Area:
    """The square around a box."""
    x1, y1, x2, y2 = box.tolist()
    return Area((x1 + x2) / 2, (y1 + y2) / 2, max(x2 - x1, y2 - y1))


def _areas(boxes: Floats, limit: int) -> list[Area]:
    """The first areas of these boxes, at most so many; like boxes at one place are one area."""
    areas: list[Area] = []
    for box in boxes[: limit * TRIES]:
        if len(areas) == limit:
            break
        one = area_of(box)
        if not any(_is_same(one, other) for other in areas):
            areas.append(one)
    return areas


def _at_border(boxes: Floats, sides: Floats, frame: Frame) -> NDArray[np.bool_]:
    """Whether each box comes nearer to the frame's border than BORDER of its larger side."""
    size_wh = np.array([frame.shape[1], frame.shape[0]], np.float32)
    nearest = np.minimum(boxes[:, :2], size_wh - boxes[:, 2:]).min(axis=1, initial=np.inf)
    return np.asarray(nearest < BORDER * sides)


def _sides(faces: Faces) -> Floats:
    return np.asarray((faces.xyxy[:, 2:] - faces.xyxy[:, :2]).max(axis=1, initial=0))


def _is_same(one: Area, other: Area) -> bool:
    near = max(abs(one.x - other.x), abs(one.y - other.y)) < SAME_PLACE * other.side
    return near and other.side < SAME_SIZE * one.side and one.side < SAME_SIZE * other.side
