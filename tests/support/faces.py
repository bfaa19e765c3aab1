"""The box of the sample photograph's face, and how well a box agrees with it."""

from __future__ import annotations

import numpy as np

BOX = np.array([178, 57, 273, 177], np.float32)  # xyxy in `examples.sample_clip.astronaut`


def box_iou(a: np.ndarray, b: np.ndarray) -> float:
    """The IoU of two boxes xyxy `(4,)`."""
    size = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return float(size / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - size))
