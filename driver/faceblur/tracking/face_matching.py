"""Which boxes of two frames are the same face: by overlap, then by nearness."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from lap import lapjv

from faceblur.tracking.boxes import Box

# Two boxes may be one face when they overlap by this IoU, or when they are of like size (a factor of 2) and their
# centres lie no further apart than this share of it: a small fast face may not overlap itself in the next frame.
MIN_IOU = 0.1
MAX_DISTANCE = 1.0
MAX_GROWTH = 2.0


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
