"""Redaction on a decoded frame's own planes, in its own pixel format: nothing outside a region changes.

Works on planar formats of 8 to 16 bits (YUV of any subsampling, gray, planar RGB);
`faceblur.media.video` decides which one an output gets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceblur.base.errors import InvalidReply
from faceblur.media.video import ColorRange, VideoFrame, from_bgr
from faceblur_function.masks import Plane, Region
from faceblur_function.styles import redact, was_redacted

BGR = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Component:
    """One plane of a frame as an array, the frame's pixels per sample of it, and the value that is black."""

    array: Plane
    step_x: int
    step_y: int
    black: int


def upright(frame: VideoFrame) -> BGR:
    """The frame as a viewer shows it, `(H, W, 3) uint8 BGR`: its rotation is applied."""
    pixels = frame.to_ndarray(format="bgr24", threads=1)
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns(frame)))


def quarter_turns(frame: VideoFrame) -> int:
    """Counter-clockwise quarter turns from the frame's stored pixels to how a viewer shows them."""
    return round(frame.rotation / 90) % 4


def stored_box(box: Sequence[float], turns: int, upright_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box of the upright frame in the coordinates of the stored one, `turns` quarter turns away."""
    x1, y1, x2, y2 = box
    width, height = upright_wh
    for _ in range(turns):  # undo one counter-clockwise turn: x goes to the old y axis
        x1, y1, x2, y2 = height - y2, x1, height - y1, x2
        width, height = height, width
    return x1, y1, x2, y2


def redact_frame(frame: VideoFrame, covered: Sequence[Region], style: str) -> None:
    """Cover regions on the frame's own planes, in place."""
    if not covered:
        return
    frame.make_writable()
    for component in _components(frame):
        scaled = [region.scaled(1 / component.step_x, 1 / component.step_y) for region in covered]
        redact(component.array, scaled, style, fill=component.black)


def check_redacted(frame: VideoFrame, redacted: BGR, covered: Sequence[Region], style: str) -> None:
    """Hold a redacted picture against the clear frame that it was made of.

    Raises InvalidReply when it has another size or a face in it is not redacted in this style.
    """
    if redacted.shape != (frame.height, frame.width, 3):
        raise InvalidReply(f"a redacted frame of {redacted.shape} for one of {frame.height}x{frame.width}")
    for region in covered:
        rows, columns = region.window(frame.width, frame.height)
        # Whole chroma samples: 4 pixels cover the coarsest subsampling that there is.
        rows = slice(rows.start // 4 * 4, min(frame.height, -(-rows.stop // 4) * 4))
        columns = slice(columns.start // 4 * 4, min(frame.width, -(-columns.stop // 4) * 4))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        returned = next(_components(from_bgr(redacted[rows, columns], frame)))
        sent = next(_components(frame)).array[rows, columns]
        place = region.moved(-columns.start, -rows.start)
        if not was_redacted(sent, returned.array, [place], style, fill=returned.black):
            raise InvalidReply("a face came back from the function without being redacted")


def _components(frame: VideoFrame) -> Iterator[_Component]:
    """The frame's planes, without alpha, as writable arrays of their true width."""
    pixel_format = frame.format
    full_range = pixel_format.is_rgb or frame.color_range == ColorRange.JPEG or "yuvj" in pixel_format.name
    steps = (64 // pixel_format.chroma_width(64), 64 // pixel_format.chroma_height(64))
    for index, component in enumerate(pixel_format.components):
        if component.is_alpha:
            continue
        plane = frame.planes[component.plane]
        dtype = np.dtype(np.uint8 if component.bits == 8 else np.uint16)
        rows = np.frombuffer(memoryview(plane), dtype).reshape(-1, plane.line_size // dtype.itemsize)
        is_chroma = index > 0 and not pixel_format.is_rgb
        step_x, step_y = steps if is_chroma else (1, 1)
        black = 128 if is_chroma else 0 if full_range else 16
        height, width = -(-frame.height // step_y), -(-frame.width // step_x)
        yield _Component(rows[:height, :width], step_x, step_y, black << (component.bits - 8))
