"""Crops of frames for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def square_around(image: NDArray[np.uint8], box: Sequence[float], share: float) -> NDArray[np.uint8]:
    """A square around a box, with a share of its size on each side, as large as the frame `(H, W, 3)` allows."""
    x1, y1, x2, y2 = box
    height, width = image.shape[:2]
    side = min(height, width, max(8, round((1 + 2 * share) * max(x2 - x1, y2 - y1))))
    left = max(0, min(width - side, round((x1 + x2 - side) / 2)))
    top = max(0, min(height - side, round((y1 + y2 - side) / 2)))
    return image[top : top + side, left : left + side]
