"""Boxes and detections of faces, and which boxes of two frames may be the same face."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from lap import lapjv

Box = tuple[float, float, float, float]

# Two boxes may be one face when they overlap by this IoU, or when they are of like size (a factor of 2) and their
# centres lie no further apart than this share of it: a small fast face may not overlap itself in the next frame.
MIN_IOU = 0.1
MAX_DISTANCE = 1.0
MAX_GROWTH = 2.0
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


def shifted(box: Box, way: complex, limit: float) -> Box:
    """A box moved by `way` pixels, in each direction at most `limit` times its own size."""
    width, height = box[2] - box[0], box[3] - box[1]
    dx = max(-limit * width, min(limit * width, way.real))
    dy = max(-limit * height, min(limit * height, way.imag))
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def match_boxes(expected: Sequence[Box], detected: Sequence[Box]) -> list[tuple[int, int]]:
    """The best one-to-one pairing of boxes that may be the same face, as pairs of indices."""
    if not expected or not detected:
        return []
    a, b = np.asarray(expected, float)[:, None], np.asarray(detected, float)[None, :]
    overlap = np.clip(np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]), 0, None).prod(axis=-1)
    sizes = [np.maximum((one[..., 2:] - one[..., :2]), 1e-6) for one in (a, b)]
    areas = [size.prod(axis=-1) for size in sizes]
    iou = overlap / (areas[0] + areas[1] - overlap)
    side = np.sqrt(np.minimum(*np.broadcast_arrays(*areas)))
    between = np.linalg.norm((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2, axis=-1) / side
    growth = np.sqrt(np.maximum(areas[0] / areas[1], areas[1] / areas[0]))
    possible = (iou >= MIN_IOU) | ((between <= MAX_DISTANCE) & (growth <= MAX_GROWTH))
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
