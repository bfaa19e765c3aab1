"""How much of a box is masked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from faceblur.tracking.boxes import Box
from faceblur_function.mask_shapes import Region

# A box counts as masked from this share of its inscribed ellipse on.
MASKED = 0.95
# The ellipse's share is taken at points of a grid of so many rows and columns.
GRID = 12
_STEPS = (np.arange(GRID) + 0.5) / GRID - 0.5
_X, _Y = (axis[np.add.outer(_STEPS**2, _STEPS**2) <= 0.25] for axis in np.meshgrid(_STEPS, _STEPS))


def masked_share(box: Box, masked: Sequence[Region]) -> float:
    """The share of the box's inscribed ellipse that regions reach, 0 to 1."""
    x1, y1, x2, y2 = box
    x, y = (x1 + x2) / 2 + _X * (x2 - x1), (y1 + y2) / 2 + _Y * (y2 - y1)
    reached = np.zeros(x.shape, np.bool_)
    for one in masked:
        if one.x - one.radius_x < x2 and one.x + one.radius_x > x1 and one.y - one.radius_y < y2:
            across, down = np.abs(x - one.x) / max(one.radius_x, 1e-6), np.abs(y - one.y) / max(one.radius_y, 1e-6)
            reached |= np.maximum(across, down) < 1 if one.is_box else across**2 + down**2 < 1
    return float(reached.mean())


def is_masked(box: Box, masked: Sequence[Region]) -> bool:
    """Whether hardly anything of a box is clear."""
    return masked_share(box, masked) >= MASKED
