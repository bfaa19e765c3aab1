"""EXIF's orientation of images: they are searched, redacted and written upright."""

from __future__ import annotations

import numpy as np
from PIL import Image

from faceblur.media.images.page import Samples

ORIENTATION = 0x0112  # EXIF's tag


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none."""
    orientation: int = image.getexif().get(ORIENTATION, 1)
    return orientation


def turned(plane: Samples, orientation: int) -> Samples:
    """A plane as stored with this EXIF orientation (1 to 8), turned upright and contiguous."""
    if orientation in (5, 6, 7, 8):
        plane = plane.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        plane = plane[:, ::-1]
    if orientation in (3, 4, 7, 8):
        plane = plane[::-1]
    return np.ascontiguousarray(plane)  # type: ignore[return-value]


def is_sideways(orientation: int) -> bool:
    """Whether an EXIF orientation swaps width and height."""
    return orientation >= 5
