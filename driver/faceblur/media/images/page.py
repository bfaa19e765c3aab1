"""Still pictures in memory: pages of 8 or 16 bit planes as their file holds them, searched as a viewer shows them.

A file has one page, or several: the frames of an animation, the pages of a TIFF.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.tracking.boxes import Box
from faceblur_function.masks import Plane, regions
from faceblur_function.styles import redact


@dataclass(slots=True)
class Page:
    """One picture, upright.

    `colours` is `(H, W, C)` of uint8 or uint16, with 1 channel of gray, 3 of RGB or 4 of CMYK; `alpha` is `(H, W)`.
    `white_is_zero` is the gray of some TIFFs. `seconds` is how long a frame of an animation is shown.
    """

    colours: Plane
    alpha: Plane | None = None
    white_is_zero: bool = False
    seconds: float = 0.0

    @property
    def size_wh(self) -> tuple[int, int]:
        return self.colours.shape[1], self.colours.shape[0]

    def views(self) -> list[NDArray[np.uint8]]:
        """What is searched for faces, `(H, W, 3) uint8 BGR`: the colours, and the alpha where it holds a picture too.

        Colours are searched also where they are transparent: they are in the file.
        """
        found = [self._seen()]
        if self.alpha is not None and self.alpha.min() != self.alpha.max():
            found.append(cv2.cvtColor(_in_8_bit(self.alpha), cv2.COLOR_GRAY2BGR))  # type: ignore[arg-type]
        return found

    def _seen(self) -> NDArray[np.uint8]:
        pixels, channels = _in_8_bit(self.colours), self.colours.shape[2]
        if self.white_is_zero:
            pixels = 255 - pixels
        if channels == 4:
            ink = 255 - pixels.astype(np.uint16)
            pixels = (ink[..., :3] * ink[..., 3:] // 255).astype(np.uint8)
        code = cv2.COLOR_GRAY2BGR if channels == 1 else cv2.COLOR_RGB2BGR
        return cv2.cvtColor(np.ascontiguousarray(pixels), code)  # type: ignore[return-value]

    def cover(self, boxes: list[list[Box]], *, padding: float, style: str) -> None:
        """Cover boxes, a list for each view, in place, on the planes that the view is of."""
        most = np.iinfo(self.colours.dtype).max
        channels = self.colours.shape[2]
        black = [0, 0, 0, most] if channels == 4 else [most if self.white_is_zero else 0] * channels
        covered = regions(boxes[0], padding)
        for channel in range(channels):
            redact(self.colours[..., channel], covered, style, fill=black[channel])
        if self.alpha is not None and len(boxes) > 1:
            redact(self.alpha, regions(boxes[1], padding), style, fill=most)


@dataclass(slots=True)
class Still:
    """A file's pages, what of it is not kept, and how it is written again from pages that were covered."""

    pages: list[Page]
    encode: Callable[[list[Page]], bytes]
    left_out: list[str] = field(default_factory=list)
    animated: bool = False


def _in_8_bit(plane: Plane) -> NDArray[np.uint8]:
    if plane.dtype == np.uint8:
        return plane  # type: ignore[return-value]
    # A dark picture, such as 12 bits in 16, is searched as bright as a viewer may make it.
    return (plane.astype(np.float32) * (255 / max(int(plane.max()), 1))).astype(np.uint8)


def turned(plane: Plane, orientation: int) -> Plane:
    """A plane as stored with this EXIF orientation (1 to 8), turned upright and contiguous."""
    if orientation in (5, 6, 7, 8):
        plane = plane.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        plane = plane[:, ::-1]
    if orientation in (3, 4, 7, 8):
        plane = plane[::-1]
    return np.ascontiguousarray(plane)  # type: ignore[return-value]
