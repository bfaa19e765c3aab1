"""A frame's planes as arrays, in its own pixel format, and BGR pixels in another frame's format.

It works on planar formats of 8 to 16 bits (YUV of any subsampling, gray, planar RGB): see `pixel_formats`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

BGR = NDArray[np.uint8]
PlaneArray = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class PlaneView:
    """One plane of a frame as a writable array `(H, W)`, the frame's pixels per sample of it, and its value of black.

    A change of the array changes the frame: call the frame's `make_writable` first.
    """

    array: PlaneArray
    step_x: int
    step_y: int
    black: int


def planes(pixels: VideoFrame, *, with_alpha: bool = False) -> Iterator[PlaneView]:
    """The frame's planes, each of its true width; alpha only where it is asked for, and opaque is its black."""
    pixel_format = pixels.format
    full_range = pixel_format.is_rgb or pixels.color_range == ColorRange.JPEG or "yuvj" in pixel_format.name
    steps = (64 // pixel_format.chroma_width(64), 64 // pixel_format.chroma_height(64))
    for index, component in enumerate(pixel_format.components):
        if component.is_alpha and not with_alpha:
            continue
        plane = pixels.planes[component.plane]
        dtype = np.dtype(np.uint8 if component.bits == 8 else np.uint16)
        rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
        is_chroma = index > 0 and not pixel_format.is_rgb and not component.is_alpha
        step_x, step_y = steps if is_chroma else (1, 1)
        black = 128 if is_chroma else 0 if full_range else 16
        height, width = -(-pixels.height // step_y), -(-pixels.width // step_x)
        black = (1 << component.bits) - 1 if component.is_alpha else black << (component.bits - 8)
        yield PlaneView(rows[:height, :width], step_x, step_y, black)


def from_bgr(bgr: BGR, like: VideoFrame) -> VideoFrame:
    """An image `(H, W, 3) uint8 BGR` in another frame's pixel format, matrix and range."""
    image = VideoFrame.from_ndarray(np.ascontiguousarray(bgr), "bgr24")
    return image.reformat(
        format=like.format.name, dst_colorspace=like.colorspace, dst_color_range=like.color_range, threads=1
    )
