"""The form of a stream's frames: size, pixel aspect, pixel format, colours, orientation.

In most streams it never changes. Recorders of calls and broadcasts write streams in which it does.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

# FFmpeg's numbers of the matrices that it converts between, by all the numbers that it has for them.
MATRICES = {1: Colorspace.ITU709, 4: Colorspace.FCC, 5: Colorspace.ITU601, 6: Colorspace.ITU601}
MATRICES |= {7: Colorspace.SMPTE240M, 9: Colorspace.BT2020, 10: Colorspace.BT2020}
UNSPECIFIED = 2  # FFmpeg's number of primaries, transfer characteristics and matrices that are not known


class FrameForm(NamedTuple):
    """The form of a frame as it is stored. `aspect` is width by height of a pixel, None: not known.

    `color_range` to `colorspace` are FFmpeg's numbers; `orientation` is 1 to 8 (`orientation`).
    """

    width: int
    height: int
    aspect: Fraction | None
    pix_fmt: str
    color_range: int
    color_primaries: int
    color_trc: int
    colorspace: int
    orientation: int

    @classmethod
    def of(cls, pixels: VideoFrame, aspect: Fraction | None, orientation: int) -> FrameForm:
        """The form of a decoded frame, which does not hold its aspect."""
        return cls(
            pixels.width,
            pixels.height,
            aspect,
            pixels.format.name,
            pixels.color_range,
            pixels.color_primaries,
            pixels.color_trc,
            pixels.colorspace,
            orientation,
        )

    @property
    def is_full_range(self) -> bool:
        """Whether black is 0, as in JPEG."""
        return self.color_range == ColorRange.JPEG or "yuvj" in self.pix_fmt

    @property
    def matrix(self) -> Colorspace | None:
        """The matrix between RGB and YUV, None: not known, or none that can be changed."""
        return MATRICES.get(self.colorspace)

    def changes(self, other: FrameForm) -> list[str]:
        """What is different in this form after another, in words; what is not known is not different."""
        found = []
        if (self.width, self.height) != (other.width, other.height):
            found.append(f"{self.width}x{self.height}")
        if (self.aspect or 1) != (other.aspect or 1):
            aspect = self.aspect or Fraction(1)
            found.append(f"pixels of {aspect.numerator}:{aspect.denominator}")
        if self.pix_fmt != other.pix_fmt:
            found.append(self.pix_fmt)
        if self.is_full_range != other.is_full_range:
            found.append("full range" if self.is_full_range else "limited range")
        pairs = [(self.color_primaries, other.color_primaries), (self.color_trc, other.color_trc)]
        if self.matrix and other.matrix and self.matrix != other.matrix:
            pairs.append((self.matrix, other.matrix))
        if any(one != two and UNSPECIFIED not in (one, two) for one, two in pairs):
            found.append("other colours")
        if self.orientation != other.orientation:
            found.append("another rotation")
        return found
