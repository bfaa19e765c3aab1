"""Measures on two pictures of one frame, source and output: is a face still legible, and was anything else changed?

Pictures are `(H, W) float32` of gray levels 0..255, upright. The measures compare fine detail, not brightness, so that
they hold at any quality of the encoder; the constants were set on outputs that were encoded again at CRF 18 to 36.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur_function.masks import Region

Gray = NDArray[np.float32]
Box = tuple[float, float, float, float]

# Detail is what is finer than 1/20 of the face's width; it is compared in windows of about 1/6 of it.
FINE, WINDOW = 20, 12
# Windows whose normalised correlation with the source is higher than this have kept their detail.
SAME = 0.6
# A face is legible from these on: the share of its detail that is kept, and the correlation of all of its detail.
# Measured on 1,000 redacted faces of 33 to 160 px: kept is at most 0.04 at CRF 18 and 30. A cover that is moved by half
# a face leaves 0.2 to 0.6 of it, an uncovered face 0.8 to 1.
LEGIBLE_KEPT, LEGIBLE_CORRELATION = 0.10, 0.25
# A place with less detail than this, in gray levels (standard deviation), shows nothing that could be told.
MIN_DETAIL = 2.0
# Outside the faces blocks of this many pixels are compared. A block counts as changed when its error is this large
# (mean square, gray levels), this many times the frame's own coding error, and this share of what it shows; a place,
# when this many such blocks touch.
BLOCK, MIN_ERROR, TIMES_TYPICAL, SHARE_OF_BLOCK, MIN_BLOCKS = 16, 100.0, 10.0, 0.3, 4


@dataclass(frozen=True, slots=True)
class Legibility:
    """What is left of a face: `kept` is the share of its detail that is still there, `correlation` of all of it.

    Both 0 to 1.
    """

    kept: float
    correlation: float

    @property
    def left(self) -> float:
        """How much is left, 0 to 1: both tell it, and noise raises one of them alone."""
        return min(self.kept, self.correlation)

    @property
    def legible(self) -> bool:
        return self.kept >= LEGIBLE_KEPT and self.correlation >= LEGIBLE_CORRELATION


def legibility(source: Gray, output: Gray, box: Sequence[float], reach: float = 0.5) -> Legibility | None:
    """Compare the ellipse around a box's centre with radii of `reach` times its sides; 0.5 is the inscribed one.

    None where the source shows no detail, or where hardly any of it lies within the picture.
    """
    x1, y1, x2, y2 = box
    width, height = x2 - x1, y2 - y1
    margin = max(4.0, width / 4)
    rows = _clamped((y1 + y2) / 2, height * reach + margin, source.shape[0])
    columns = _clamped((x1 + x2) / 2, width * reach + margin, source.shape[1])
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    inside = _ellipse(box, reach, rows, columns)
    if np.count_nonzero(inside) < 16:
        return None
    a, b = (_fine(picture[rows, columns], width) for picture in (source, output))
    a, b = a - a[inside].mean(), b - b[inside].mean()
    energy, other = float((a[inside] ** 2).sum()), float((b[inside] ** 2).sum())
    if energy < MIN_DETAIL**2 * np.count_nonzero(inside):
        return None
    # A flat output has nothing but the codec's noise: the division must not blow it up.
    correlation = float(a[inside] @ b[inside]) / np.sqrt(energy * max(other, 0.05**2 * energy))
    aa, bb, ab = (_around(product, width) for product in (a * a, b * b, a * b))
    local = ab / np.sqrt(np.maximum(aa, 1e-3) * np.maximum(bb, 0.05 * aa + 1e-3))
    kept = float((a**2)[inside & (local > SAME)].sum()) / energy
    return Legibility(kept, abs(float(correlation)))


def _clamped(centre: float, reach: float, length: int) -> slice:
    return slice(max(0, int(centre - reach)), max(0, min(length, int(np.ceil(centre + reach)))))


def _ellipse(box: Sequence[float], reach: float, rows: slice, columns: slice) -> NDArray[np.bool_]:
    x1, y1, x2, y2 = box
    y = (np.arange(rows.start, rows.stop) + 0.5 - (y1 + y2) / 2) / max((y2 - y1) * reach, 1e-6)
    x = (np.arange(columns.start, columns.stop) + 0.5 - (x1 + x2) / 2) / max((x2 - x1) * reach, 1e-6)
    inside: NDArray[np.bool_] = y[:, None] ** 2 + x[None, :] ** 2 <= 1
    return inside


def _fine(picture: Gray, width: float) -> Gray:
    return picture - cv2.GaussianBlur(picture, (0, 0), max(0.5, width / FINE))


def _around(product: Gray, width: float) -> Gray:
    return cv2.GaussianBlur(product, (0, 0), max(1.0, width / WINDOW))  # type: ignore[return-value]


def untouched(regions: Iterable[Region], size_wh: tuple[int, int]) -> NDArray[np.bool_]:
    """Where no region reaches, `(H, W)`."""
    clear = np.ones(size_wh[::-1], np.bool_)
    for region in regions:
        rows, columns = region.window(*size_wh)
        clear[rows, columns] &= region.opacity(rows, columns) <= 0
    return clear


def changed_places(source: Gray, output: Gray, clear: NDArray[np.bool_]) -> tuple[list[Box], float | None]:
    """Boxes of the places that differ by more than the codec would have it, and the PSNR in dB, where `clear` holds.

    The PSNR is None where two frames are equal or nothing is clear. Places under about 32 pixels are not found.
    """
    error = (source - output) ** 2
    if not clear.any():
        return [], None
    mean = float(error[clear].mean())
    psnr = 10 * float(np.log10(255**2 / mean)) if mean else None
    height, width = (length // BLOCK for length in source.shape)
    if not height or not width:
        return [], psnr
    whole = (slice(height * BLOCK), slice(width * BLOCK))

    def blocks(picture: NDArray[np.float32]) -> Gray:
        return cv2.resize(picture[whole], (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]

    # Blocks beside a region are left out: the codec carries its edge over.
    covered = cv2.dilate((blocks(clear.astype(np.float32)) < 1).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    if covered.all():
        return [], psnr
    errors, shown = blocks(error), blocks(source**2) - blocks(source) ** 2
    typical = float(np.median(errors[~covered]))
    odd = ~covered & (errors > max(MIN_ERROR, TIMES_TYPICAL * typical)) & (errors > SHARE_OF_BLOCK * shown)
    count, _, places, _ = cv2.connectedComponentsWithStats(odd.astype(np.uint8))
    boxes = []
    for x, y, columns, rows, area in places[1:count].tolist():
        if area >= MIN_BLOCKS:
            boxes.append(tuple(float(BLOCK * value) for value in (x, y, x + columns, y + rows)))
    return boxes, psnr  # type: ignore[return-value]
