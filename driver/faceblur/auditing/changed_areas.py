"""Finds what differs between source and output outside the masks, by more than the codec's error.

Images are `(H, W) uint8` of gray levels, upright.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.tracking.boxes import Box
from faceblur_function.mask_shapes import Region

# Outside the faces blocks of this many pixels are compared. A block counts as changed when its error is this large
# (mean square, gray levels), this many times the frame's own coding error, and this share of what it shows; an area,
# when this many such blocks touch.
BLOCK, MIN_ERROR, TIMES_TYPICAL, SHARE_OF_BLOCK, MIN_BLOCKS = 16, 100.0, 10.0, 0.3, 4

PRECISION = 256


def _squared(image: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return np.multiply(image, image, dtype=np.uint16)


def unmasked(regions: Iterable[Region], size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    """An array `(H, W)` that is true where no region reaches."""
    clear = np.ones(size_wh[::-1], np.bool_)
    for region in regions:
        rows, columns = region.window(*size_wh)
        clear[rows, columns] &= region.opacity(rows, columns) <= 0
    return clear


def changed_areas(
    source: NDArray[np.uint8], output: NDArray[np.uint8], clear: NDArray[np.bool_]
) -> tuple[list[Box], float | None]:
    """Boxes of the areas that differ by more than the codec's error, and the PSNR in dB, both where `clear` is true.

    The PSNR is None where two frames are equal or nothing is clear. Areas under about 32 pixels are not reported.
    """
    inside = clear.astype(np.uint8)
    if not inside.any():
        return [], None
    error = _squared(cv2.absdiff(source, output))  # type: ignore[arg-type]
    mean = float(cv2.mean(error, inside)[0])
    psnr = 10 * float(np.log10(255**2 / mean)) if mean else None
    height, width = (length // BLOCK for length in source.shape)
    if not height or not width:
        return [], psnr
    full_blocks = (slice(height * BLOCK), slice(width * BLOCK))

    def blocks(image: NDArray[np.uint16]) -> NDArray[np.float32]:
        small = cv2.resize(image[full_blocks], (width, height), interpolation=cv2.INTER_AREA)
        return small.astype(np.float32)

    # Blocks beside a region are left out: the codec spreads its edge.
    masked = (
        cv2.dilate((blocks(inside * np.uint16(PRECISION)) < PRECISION).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    )
    if masked.all():
        return [], psnr
    # In whole numbers, which is faster: gray levels times PRECISION.
    errors, shown = blocks(error), blocks(_squared(source)) - (blocks(source * np.uint16(PRECISION)) / PRECISION) ** 2
    typical = float(np.median(errors[~masked]))
    changed = ~masked & (errors > max(MIN_ERROR, TIMES_TYPICAL * typical)) & (errors > SHARE_OF_BLOCK * shown)
    count, _, components, _ = cv2.connectedComponentsWithStats(changed.astype(np.uint8))
    boxes = []
    for x, y, columns, rows, area in components[1:count].tolist():
        if area >= MIN_BLOCKS:
            boxes.append(tuple(float(BLOCK * value) for value in (x, y, x + columns, y + rows)))
    return boxes, psnr  # type: ignore[return-value]
