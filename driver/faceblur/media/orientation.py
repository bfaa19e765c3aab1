"""How stored pixels are turned and mirrored for a viewer: one of eight ways, numbered 1 to 8 as EXIF does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

TAG = 0x0112  # EXIF's
UPRIGHT = 1
# The orientations that swap both axes, and those that then reverse the columns, and the rows.
SIDEWAYS, COLUMNS_REVERSED, ROWS_REVERSED = (5, 6, 7, 8), (2, 3, 6, 7), (3, 4, 7, 8)
BY_STEPS = {(one in SIDEWAYS, one in COLUMNS_REVERSED, one in ROWS_REVERSED): one for one in range(1, 9)}
# What those numbers of a display matrix may be that should be 0, as a share of the others: half a degree.
ROUNDING = 0.01
# An array of samples `(H, W)` or `(H, W, channels)`, of any type.
Samples = TypeVar("Samples", bound=NDArray[np.generic])


def turned(plane: Samples, orientation: int) -> Samples:
    """A plane as stored with this orientation, turned upright and contiguous."""
    upright: NDArray[np.generic] = plane
    if orientation in SIDEWAYS:
        upright = upright.swapaxes(0, 1)
    if orientation in COLUMNS_REVERSED:
        upright = upright[:, ::-1]
    if orientation in ROWS_REVERSED:
        upright = upright[::-1]
    return np.ascontiguousarray(upright)  # type: ignore[return-value]


def turned_back(upright: Samples, orientation: int) -> Samples:
    """An upright plane as it is stored with this orientation, contiguous."""
    return turned(upright, {6: 8, 8: 6}.get(orientation, orientation))


def stored_box(
    box: Sequence[float], orientation: int, upright_wh: tuple[int, int]
) -> tuple[float, float, float, float]:
    """A box x1, y1, x2, y2 of an upright frame in the coordinates of the stored one."""
    x1, y1, x2, y2 = box
    width, height = upright_wh
    if orientation in COLUMNS_REVERSED:
        x1, x2 = width - x2, width - x1
    if orientation in ROWS_REVERSED:
        y1, y2 = height - y2, height - y1
    return (y1, x1, y2, x2) if orientation in SIDEWAYS else (x1, y1, x2, y2)


def is_sideways(orientation: int) -> bool:
    """Whether an orientation swaps width and height."""
    return orientation in SIDEWAYS


def of_matrix(matrix: Sequence[int]) -> int:
    """The orientation of FFmpeg's display matrix, 9 integers; the nearest one where it is none of the eight."""
    right_x, right_y, down_x, down_y = _directions(matrix)
    # Where the stored rows and columns are shown: the sign of the larger numbers says in which direction.
    sideways = abs(right_y) + abs(down_x) > abs(right_x) + abs(down_y)
    columns_reversed, rows_reversed = (down_x < 0, right_y < 0) if sideways else (right_x < 0, down_y < 0)
    return BY_STEPS[sideways, columns_reversed, rows_reversed]


def is_exact(matrix: Sequence[int]) -> bool:
    """Whether a display matrix is one of the eight orientations, at any scale: it neither tilts nor shears."""
    right_x, right_y, down_x, down_y = map(abs, _directions(matrix))
    (a, b), (c, d) = sorted([(right_x, down_y), (right_y, down_x)], key=sum)
    return min(c, d) > 0 and max(a, b) <= ROUNDING * min(c, d)


def _directions(matrix: Sequence[int]) -> tuple[int, int, int, int]:
    """Where a stored step to the right is shown, as x and y, and where a step down is."""
    return matrix[0], matrix[1], matrix[3], matrix[4]
