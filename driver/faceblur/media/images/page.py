"""Images in memory: pages of 8 or 16 bit planes as their file holds them, searched as a viewer shows them.

A file has one page, or several: the frames of an animation, the pages of a TIFF.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(slots=True)
class Page:
    """One image, upright.

    `colours` is `(H, W, C)` of uint8 or uint16, with 1 channel of gray, 3 of RGB or 4 of CMYK; `alpha` is `(H, W)`.
    `white_is_zero` is the gray of some TIFFs. `seconds` is how long a frame of an animation is shown.
    """

    colours: Samples
    alpha: Samples | None = None
    white_is_zero: bool = False
    seconds: float = 0.0

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.colours.shape[1], self.colours.shape[0]

    def views(self) -> list[NDArray[np.uint8]]:
        """What is searched for faces, `(H, W, 3) uint8 BGR`: the colours, and the alpha where it holds an image too.

        Colours are searched also where they are transparent: they are in the file.
        """
        views = [self._colours_as_bgr()]
        if self.alpha is not None and self.alpha.min() != self.alpha.max():
            views.append(cv2.cvtColor(_in_8_bit(self.alpha), cv2.COLOR_GRAY2BGR))  # type: ignore[arg-type]
        return views

    def planes(self, view: int) -> Iterator[tuple[Samples, int]]:
        """The planes that a view shows (0: the colours, 1: the alpha), as writable `(H, W)`, each with its black.

        A change of a plane changes the page.
        """
        highest = int(np.iinfo(self.colours.dtype).max)
        if view == 0:
            channels = self.colours.shape[2]
            black = [0, 0, 0, highest] if channels == 4 else [highest if self.white_is_zero else 0] * channels
            for channel in range(channels):
                yield self.colours[..., channel], black[channel]
        elif self.alpha is not None:
            yield self.alpha, highest

    def _colours_as_bgr(self) -> NDArray[np.uint8]:
        pixels, channels = _in_8_bit(self.colours), self.colours.shape[2]
        if self.white_is_zero:
            pixels = 255 - pixels
        if channels == 4:
            ink = 255 - pixels.astype(np.uint16)
            pixels = (ink[..., :3] * ink[..., 3:] // 255).astype(np.uint8)
        code = cv2.COLOR_GRAY2BGR if channels == 1 else cv2.COLOR_RGB2BGR
        return cv2.cvtColor(np.ascontiguousarray(pixels), code)  # type: ignore[return-value]


@dataclass(slots=True)
class ImageFile:
    """A file's pages, what of it is not kept, and how it is written again from redacted pages."""

    pages: list[Page]
    encode: Callable[[list[Page]], bytes]
    left_out: list[str] = field(default_factory=list)
    animated: bool = False


def _in_8_bit(plane: Samples) -> NDArray[np.uint8]:
    if plane.dtype == np.uint8:
        return plane  # type: ignore[return-value]
    # A dark image, such as 12 bits in 16, is searched as bright as a viewer may make it, a pale one as dark.
    low, high = int(plane.min()), int(plane.max())
    return ((plane - plane.dtype.type(low)).astype(np.float32) * (255 / max(high - low, 1))).astype(np.uint8)
