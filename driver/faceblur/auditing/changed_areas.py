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
# A block of which every pixel is clear.
CLEAR = 255


def _squared(image: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return np.multiply(image, image, dtype=np.uint16)


def unmasked(regions: Iterable[Region], size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    """An array `(H, W)` that is true where no region reaches."""
    clear = np.ones(size_wh[::-1], np.bool_)
    for region in regions:
        rows, columns = region.window(*size_wh)
        clear[rows, columns] &= ~region.reached(rows, columns)
    return clear


def changed_areas(
    source: NDArray[np.uint8], output: NDArray[np.uint8], clear: NDArray[np.bool_]
) -> tuple[list[Box], float | None]:
    """Boxes of the areas that differ by more than the codec's error, and the PSNR in dB, both where `clear` is true.

    The PSNR is None where two frames are equal or nothing is clear. Areas under about 32 pixels are not reported.
    """
    inside = clear.view(np.uint8) * np.uint8(CLEAR)
    pixels = cv2.countNonZero(inside)
    if not pixels:
        return [], None
    difference = cv2.bitwise_and(cv2.absdiff(source, output), inside)
    mean = cv2.norm(difference, cv2.NORM_L2SQR) / pixels
    psnr = 10 * float(np.log10(255**2 / mean)) if mean else None
    if min(source.shape) < BLOCK:
        return [], psnr
    errors, beside_mask = _blocks(_squared(difference)), _blocks(inside) < CLEAR  # type: ignore[arg-type]
    # Blocks beside a region are left out: the codec spreads its edge.
    masked = cv2.dilate(beside_mask.view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    large = ~masked & (errors > MIN_ERROR)
    if np.count_nonzero(large) < MIN_BLOCKS:
        return [], psnr
    typical = float(np.median(errors[~masked]))
    # In whole numbers, which is faster: gray levels times PRECISION.
    shown = _blocks(_squared(source)) - (_blocks(source * np.uint16(PRECISION)) / PRECISION) ** 2
    changed = large & (errors > TIMES_TYPICAL * typical) & (errors > SHARE_OF_BLOCK * shown)
    return _areas(changed), psnr


def _blocks(image: NDArray[np.uint8] | NDArray[np.uint16]) -> NDArray[np.float32]:
    """The mean of each block; what is left over at the end is left out."""
    height, width = (length // BLOCK for length in image.shape)
    whole = image[: height * BLOCK, : width * BLOCK]
    return cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)


def _areas(changed: NDArray[np.bool_]) -> list[Box]:
    """The box around each area of enough blocks that touch."""
    count, _, components, _ = cv2.connectedComponentsWithStats(changed.astype(np.uint8))
    boxes = []
    for x, y, columns, rows, area in components[1:count].tolist():
        if area >= MIN_BLOCKS:
            boxes.append(tuple(float(BLOCK * value) for value in (x, y, x + columns, y + rows)))
    return boxes  # type: ignore[return-value]
