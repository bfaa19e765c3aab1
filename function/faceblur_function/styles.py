"""The styles that make a face unreadable, redaction of a plane with one of them, and its verification."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur_function.mask_shapes import Plane, Region

# At most this many cells of information stay across a face, whatever its size in pixels: with 8 most of the detail of a
# 40 px face still correlates with the source, with 3 none does.
CELLS = 3
# A gradient without creases keeps more of three cells than straight lines from cell to cell do: a correlation of 0.18
# instead of 0.14 with the detail of a face 120 px high. With fewer cells it keeps 0.06.
BLUR_CELLS = 2.5
STEPS = 8  # of the gradient from one cell to the next
# A face that redaction changes by less, as a share of the range of values, is not verified: it shows no detail.
MIN_CHANGE = 0.015


def _cells(crop: Plane, region: Region, across_face: float) -> Plane:
    """The crop's average colour on a grid of cells, of which at most so many lie across the face."""
    height, width = crop.shape[:2]
    columns = max(1, math.floor(width / max(region.face_width / across_face, 1)))
    rows = max(1, math.floor(height / max(region.face_height / across_face, 1)))
    while width >= 16 * columns and height >= 16 * rows:  # halving takes a tenth of the time
        width, height = width // 2, height // 2
        crop = cv2.resize(crop[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return cv2.resize(crop, (columns, rows), interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _blur(crop: Plane, region: Region, fill: float) -> Plane:
    cells: Any = _cells(crop, region, BLUR_CELLS)
    # Straight lines from cell to cell would meet in creases, which show on large faces: they are rounded first.
    steps_wh = (cells.shape[1] * STEPS, cells.shape[0] * STEPS)
    cells = cv2.resize(cells, steps_wh, interpolation=cv2.INTER_LINEAR)
    cells = cv2.blur(cells, (STEPS, STEPS), borderType=cv2.BORDER_REPLICATE)
    return cv2.resize(cells, (crop.shape[1], crop.shape[0]), interpolation=cv2.INTER_LINEAR)  # type: ignore[no-any-return]


def _pixelate(crop: Plane, region: Region, fill: float) -> Plane:
    size_wh = (crop.shape[1], crop.shape[0])
    return cv2.resize(_cells(crop, region, CELLS), size_wh, interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]


def _solid(crop: Plane, region: Region, fill: float) -> Plane:
    return np.full_like(crop, fill)


STYLES: dict[str, Callable[[Plane, Region, float], Plane]] = {"blur": _blur, "pixelate": _pixelate, "solid": _solid}


def redact(plane: Plane, masked: Iterable[Region], style: str, *, fill: float = 0) -> None:
    """Mask the regions of a plane in place. `fill` is what `solid` paints: the plane's value for black."""
    layers = [plane] if plane.ndim == 2 else [plane[:, :, channel] for channel in range(plane.shape[2])]
    redact_alike(layers, masked, style, fill=fill)


def redact_alike(layers: Sequence[Plane], masked: Iterable[Region], style: str, *, fill: float = 0) -> None:
    """Mask the same regions of some planes `(H, W)` of one size in place, as `redact` does."""
    height, width = layers[0].shape
    for region in masked:
        rows, columns = region.window(width, height)
        if rows.start == rows.stop or columns.start == columns.stop:
            continue
        opacity = region.opacity(rows, columns)
        for layer in layers:
            crop = layer[rows, columns]
            # A copy: numpy takes several times as long for a channel among others.
            crop[...] = _mixed(np.ascontiguousarray(crop), region, style, opacity, fill)


def _mixed(crop: NDArray[Any], region: Region, style: str, opacity: NDArray[np.float32], fill: float) -> NDArray[Any]:
    mixed = STYLES[style](crop, region, fill).astype(np.float32)
    mixed -= crop
    mixed *= opacity
    mixed += crop
    return np.rint(mixed, out=mixed).astype(crop.dtype)


def was_redacted(before: Plane, after: Plane, masked: Iterable[Region], style: str, *, fill: float = 0) -> bool:
    """Whether the regions of `after`, a redacted copy of the plane `before`, are nearer to redaction than to it.

    A region that redaction would hardly change, such as a plain wall, counts as redacted.
    """
    for region in masked:
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
