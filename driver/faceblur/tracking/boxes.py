"""Boxes and detections of faces, and the geometry of boxes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Box = tuple[float, float, float, float]

# Faces from this score on, below the threshold, continue a track; small ones that add up to the threshold start one.
LOW_THRESHOLD = 0.05
# Only faces up to this height in pixels start a track by low scores: larger ones score high, and a large false
# detection hides much.
LOW_SCORE_HEIGHT = 64.0


@dataclass(frozen=True, slots=True)
class Detection:
    """One detected face: box x1, y1, x2, y2 in pixels, and its score, 0 to 1."""

    box: Box
    score: float


def centre(box: Box) -> complex:
    """The middle of a box as x + iy."""
    return complex(box[0] + box[2], box[1] + box[3]) / 2


def holds(box: Box, point: complex) -> bool:
    """Whether a point x + iy lies in a box."""
    return box[0] <= point.real <= box[2] and box[1] <= point.imag <= box[3]


def shifted(box: Box, way: complex) -> Box:
    """A box moved by `way` pixels, in each direction at most by its own size."""
    width, height = box[2] - box[0], box[3] - box[1]
    dx = max(-width, min(width, way.real))
    dy = max(-height, min(height, way.imag))
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


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


def iou(a: Box, b: Box) -> float:
    """The overlap of two boxes as intersection over union, 0 to 1."""
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = [(one[2] - one[0]) * (one[3] - one[1]) for one in (a, b)]
    union = sum(areas) - width * height
    return width * height / union if union > 0 else 0.0


def rounded(box: Box) -> Box:
    """A box in tenths of a pixel."""
    x1, y1, x2, y2 = (round(value, 1) for value in box)
    return x1, y1, x2, y2
