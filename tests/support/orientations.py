"""Clips that are stored in each of the eight orientations: pixels turned by ffmpeg, the matrix patched into the MP4."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.support.awkward_kind import X264, run_ffmpeg

# By EXIF's number: the filter that makes the stored pixels of upright ones, and where the display matrix shows a
# stored step to the right (x, y) and a step down.
STORED_BY = {
    1: ("null", (1, 0, 0, 1)),
    2: ("hflip", (-1, 0, 0, 1)),
    3: ("hflip,vflip", (-1, 0, 0, -1)),
    4: ("vflip", (1, 0, 0, -1)),
    5: ("transpose=cclock_flip", (0, 1, 1, 0)),
    6: ("transpose=cclock", (0, 1, -1, 0)),
    7: ("transpose=clock_flip", (0, -1, -1, 0)),
    8: ("transpose=clock", (0, -1, 1, 0)),
}
TKHD_MATRIX = 44  # bytes from the type of a box of version 0 to its matrix


def matrix_of(orientation: int, size_wh: tuple[int, int]) -> tuple[int, ...]:
    """The display matrix by which cameras name an orientation of upright frames of this size."""
    right_x, right_y, down_x, down_y = STORED_BY[orientation][1]
    axes = (right_x, down_x), (right_y, down_y)
    width, height = (side if -1 in steps else 0 for side, steps in zip(size_wh, axes, strict=True))
    numbers = (right_x, right_y, 0, down_x, down_y, 0, width, height, 1)
    return tuple(value << bits for value, bits in zip(numbers, (16, 16, 30) * 3, strict=True))


def write_stored(upright: Path, target: Path, orientation: int, size_wh: tuple[int, int]) -> tuple[int, ...]:
    """Write a clip as stored with this orientation. Returns its display matrix."""
    run_ffmpeg(f"-i {{clip}} -vf {STORED_BY[orientation][0]} {X264} -c:a copy {{target}}", clip=upright, target=target)
    matrix = matrix_of(orientation, size_wh)
    patch_matrix(target, matrix)
    return matrix


def patch_matrix(path: Path, matrix: tuple[int, ...]) -> None:
    """Put a display matrix into the header of an MP4's first track."""
    content = bytearray(path.read_bytes())
    struct.pack_into(">9i", content, content.index(b"tkhd") + TKHD_MATRIX, *matrix)
    path.write_bytes(content)
