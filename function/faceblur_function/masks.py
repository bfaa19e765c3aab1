"""Regions around faces, and the styles that make them unreadable, on any image plane.

The function and the driver both compute regions from the boxes as they stand in the reply, with this module, so that
they agree to the pixel. A plane is `(H, W)` or `(H, W, C)` of uint8 or uint16: a BGR image, or the luma or chroma of
native video, for which a region is scaled by the plane's subsampling.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8] | NDArray[np.uint16]

# At most this many cells of information stay across a face, whatever its size in pixels: with 8 most of the detail of a
# 40 px face still correlates with the source, with 3 none does.
CELLS = 3
# The cover fades out over this outer part of the ellipse's radius. At a padding of 0.25 the corners of the face's own
# box lie at 0.943 of it, so that the box is covered in full.
SOFT_EDGE = 0.057
# A face that redaction changes by less, as a share of the range of values, holds nothing to be told from it.
MIN_CHANGE = 0.015


@dataclass(frozen=True, slots=True)
class Region:
    """The ellipse to cover, in pixels: centre, radii, and the size of one cell of information."""

    x: float
    y: float
    radius_x: float
    radius_y: float
    cell_width: float
    cell_height: float

    def scaled(self, scale_x: float, scale_y: float) -> Region:
        """The same region on a plane of another size, such as subsampled chroma."""
        return Region(
            self.x * scale_x,
            self.y * scale_y,
            self.radius_x * scale_x,
            self.radius_y * scale_y,
            self.cell_width * scale_x,
            self.cell_height * scale_y,
        )

    def window(self, width: int, height: int) -> tuple[slice, slice]:
        """The rows and columns of the plane that the region touches; empty slices where it lies outside."""
        return _span(self.y, self.radius_y, height), _span(self.x, self.radius_x, width)

    def moved(self, x: float, y: float) -> Region:
        """The same region in the coordinates of a window."""
        return replace(self, x=self.x + x, y=self.y + y)

    def opacity(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """How far each pixel of the window is covered: 1 inside, falling to 0 over the soft edge, 0 outside."""
        y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5 - self.y) / max(self.radius_y, 1e-6)
        x = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5 - self.x) / max(self.radius_x, 1e-6)
        opacity = np.add.outer(y * y, x * x, dtype=np.float32)
        # All in one array: memory that is new for each step takes longer to come by than to fill.
        np.sqrt(opacity, out=opacity)
        np.subtract(1, opacity, out=opacity)
        opacity *= np.float32(1 / SOFT_EDGE)
        return np.clip(opacity, 0, 1, out=opacity)


def _span(centre: float, radius: float, length: int) -> slice:
    start = min(length, max(0, math.floor(centre - radius)))
    # A negative stop would count from the far end.
    return slice(start, max(start, min(length, math.ceil(centre + radius))))


def regions(boxes: Iterable[Sequence[float]], padding: float) -> list[Region]:
    """The region of each box `x1, y1, x2, y2`: grown by `padding` times its width and height on each side."""
    found = []
    for x1, y1, x2, y2 in boxes:
        width, height = x2 - x1, y2 - y1
        found.append(
            Region(
                (x1 + x2) / 2,
                (y1 + y2) / 2,
                width * (0.5 + padding),
                height * (0.5 + padding),
                width / CELLS,
                height / CELLS,
            )
        )
    return found


def _cells(crop: Plane, region: Region) -> Plane:
    """The crop's average colour on a grid of cells that are at least as large as the region's."""
    height, width = crop.shape[:2]
    columns = max(1, math.floor(width / max(region.cell_width, 1)))
    rows = max(1, math.floor(height / max(region.cell_height, 1)))
    while width >= 16 * columns and height >= 16 * rows:  # by halves it takes a tenth of the time
        width, height = width // 2, height // 2
        crop = cv2.resize(crop[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return cv2.resize(crop, (columns, rows), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _blur(crop: Plane, region: Region, fill: float) -> Plane:
    size_wh = (crop.shape[1], crop.shape[0])
    return cv2.resize(_cells(crop, region), size_wh, interpolation=cv2.INTER_LINEAR)  # type: ignore[return-value]


def _pixelate(crop: Plane, region: Region, fill: float) -> Plane:
    size_wh = (crop.shape[1], crop.shape[0])
    return cv2.resize(_cells(crop, region), size_wh, interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]


def _solid(crop: Plane, region: Region, fill: float) -> Plane:
    return np.full_like(crop, fill)


STYLES: dict[str, Callable[[Plane, Region, float], Plane]] = {"blur": _blur, "pixelate": _pixelate, "solid": _solid}


def redact(plane: Plane, covered: Iterable[Region], style: str, *, fill: float = 0) -> None:
    """Cover the regions of a plane in place. `fill` is what `solid` paints: the plane's value for black."""
    for region in covered:
        rows, columns = region.window(plane.shape[1], plane.shape[0])
        crop = plane[rows, columns]
        if crop.size == 0:
            continue
        opacity = region.opacity(rows, columns)
        if crop.ndim == 2:
            crop[...] = _mixed(crop, region, style, opacity, fill)
            continue
        for channel in range(crop.shape[2]):  # all together would take numpy several times as long
            layer = crop[:, :, channel]
            layer[...] = _mixed(np.ascontiguousarray(layer), region, style, opacity, fill)


def _mixed(crop: NDArray[Any], region: Region, style: str, opacity: NDArray[np.float32], fill: float) -> NDArray[Any]:
    mixed = STYLES[style](crop, region, fill).astype(np.float32)
    mixed -= crop
    mixed *= opacity
    mixed += crop
    return np.rint(mixed, out=mixed).astype(crop.dtype)


def was_redacted(before: Plane, after: Plane, covered: Iterable[Region], style: str, *, fill: float = 0) -> bool:
    """Whether the regions of `after`, a redacted copy of the plane `before`, are nearer to redaction than to it.

    A region that redaction would hardly change, such as a plain wall, counts as redacted.
    """
    for region in covered:
        rows, columns = region.window(before.shape[1], before.shape[0])
        inside = region.opacity(rows, columns) == 1
        if not inside.any():
            continue
        expected = before[rows, columns].copy()
        redact(expected, [region.moved(-columns.start, -rows.start)], style, fill=fill)
        sent, wanted, got = (
            plane[inside].astype(np.float32) for plane in (before[rows, columns], expected, after[rows, columns])
        )
        change = float(np.abs(sent - wanted).mean())
        depth = 256 if before.dtype == np.uint8 else 1 << int(before.max()).bit_length()
        if change > MIN_CHANGE * depth and np.abs(got - sent).mean() < np.abs(got - wanted).mean():
            return False
    return True


def transfer(source: Plane, target: Plane, region: Region, rows: slice, columns: slice) -> None:
    """Copy what a region covers from a redacted window into the same window of a plane, in place."""
    touched = region.opacity(rows, columns) > 0
    target[rows, columns][touched] = source[touched]
