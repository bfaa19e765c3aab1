"""Where a face is masked: the region around its box, and its soft edge, on any image plane.

The function and the driver both compute regions from the boxes as they stand in the reply, with this module, so that
they agree to the pixel. A plane is `(H, W)` or `(H, W, C)` of uint8 or uint16: a BGR image, or the luma or chroma of
native video, for which a region is scaled by the plane's subsampling.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8] | NDArray[np.uint16]

# The mask fades out over this outer part of the ellipse's radius. At a padding of 0.25 the corners of the face's own
# box lie at 0.943 of it, so that the complete box is masked.
SOFT_EDGE = 0.057


@dataclass(frozen=True, slots=True)
class Region:
    """The ellipse to mask, in pixels: centre, radii, and the size of the face's own box.

    One that `is_box` is a rectangle instead: every pixel that it touches is masked, without a soft edge.
    """

    x: float
    y: float
    radius_x: float
    radius_y: float
    face_width: float
    face_height: float
    is_box: bool = False

    def scaled(self, scale_x: float, scale_y: float) -> Region:
        """The same region on a plane of another size, such as subsampled chroma."""
        return Region(
            self.x * scale_x,
            self.y * scale_y,
            self.radius_x * scale_x,
            self.radius_y * scale_y,
            self.face_width * scale_x,
            self.face_height * scale_y,
            self.is_box,
        )

    def window(self, width: int, height: int) -> tuple[slice, slice]:
        """The rows and columns of the plane that the region touches; empty slices where it lies outside."""
        return _span(self.y, self.radius_y, height), _span(self.x, self.radius_x, width)

    def moved(self, x: float, y: float) -> Region:
        """The same region in the coordinates of a window."""
        return replace(self, x=self.x + x, y=self.y + y)

    def opacity(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """How far each pixel of the window is masked: 1 inside, falling to 0 over the soft edge, 0 outside."""
        if self.is_box:
            return np.ones((rows.stop - rows.start, columns.stop - columns.start), np.float32)
        opacity = self._distance(rows, columns)
        # All in one array: allocating new memory for each step takes longer than filling it.
        np.sqrt(opacity, out=opacity)
        np.subtract(1, opacity, out=opacity)
        opacity *= np.float32(1 / SOFT_EDGE)
        return opacity.clip(0, 1, out=opacity)

    def reached(self, rows: slice, columns: slice) -> NDArray[np.bool_]:
        """Which pixels of the window are masked at all, those of the soft edge too."""
        if self.is_box:
            return np.ones((rows.stop - rows.start, columns.stop - columns.start), np.bool_)
        return self._distance(rows, columns) < 1

    def _distance(self, rows: slice, columns: slice) -> NDArray[np.float32]:
        """The square of each pixel's distance from the middle, in radii."""
        y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5 - self.y) / max(self.radius_y, 1e-6)
        x = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5 - self.x) / max(self.radius_x, 1e-6)
        return np.add.outer(y * y, x * x, dtype=np.float32)

    def contains(self, x: float, y: float) -> bool:
        """Whether a point lies in it."""
        across, down = abs(x - self.x) / max(self.radius_x, 1e-6), abs(y - self.y) / max(self.radius_y, 1e-6)
        return max(across, down) < 1 if self.is_box else across**2 + down**2 < 1


def _span(centre: float, radius: float, length: int) -> slice:
    start = min(length, max(0, math.floor(centre - radius)))
    # A negative stop would count from the far end.
    return slice(start, max(start, min(length, math.ceil(centre + radius))))


def regions(boxes: Iterable[Sequence[float]], padding: float) -> list[Region]:
    """The region of each box `x1, y1, x2, y2`: grown by `padding` times its width and height on each side."""
    grown = []
    for x1, y1, x2, y2 in boxes:
        width, height = x2 - x1, y2 - y1
        grown.append(
            Region(
                (x1 + x2) / 2,
                (y1 + y2) / 2,
                width * (0.5 + padding),
                height * (0.5 + padding),
                width,
                height,
            )
        )
    return grown


def boxes_as_regions(boxes: Iterable[Sequence[float]]) -> list[Region]:
    """Boxes `x1, y1, x2, y2` that are masked as they are: complete, without padding."""
    return [
        Region((x1 + x2) / 2, (y1 + y2) / 2, (x2 - x1) / 2, (y2 - y1) / 2, x2 - x1, y2 - y1, is_box=True)
        for x1, y1, x2, y2 in boxes
    ]
