"""Verifies a frame that the function redacted against the clear frame: its faces are masked, the rest is unchanged."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.base.errors import InvalidReply
from faceblur.media.frames import DecodedFrame
from faceblur.media.planes import BGR, from_bgr, planes
from faceblur.tracking.boxes import Box
from faceblur.tracking.thumbnails import Thumbnail
from faceblur_function.mask_shapes import Region, regions
from faceblur_function.styles import was_redacted

Gray = NDArray[np.uint8]
# Pixels: complete chroma samples of the coarsest subsampling that there is.
GRID = 4
# Gray levels by which the mean of AVERAGED x AVERAGED pixels of a thumbnail may differ. Two JPEGs in between make up to
# 5 of natural images and up to 10 of noise and of bars of pure colours, from 160x120 to 1920x1080. A face that is
# masked, but not listed, makes over 25 from 48 pixels on in 1920x1080, and from 16 on in 640x360.
MAX_DIFFERENCE, AVERAGED = 16.0, 3
# Pixels of a thumbnail around a mask on which its edge has an effect, through the average and the JPEG's blocks.
MARGIN = 4


def verify_redacted(frame: DecodedFrame, redacted: BGR, masked: Sequence[Region], style: str) -> None:
    """Compare the regions of a redacted frame `(H, W, 3) uint8 BGR`, as stored, with the clear frame.

    Raises InvalidReply when it has another size or a face in it is not redacted in this style.
    """
    width, height = frame.pixels.width, frame.pixels.height
    if redacted.shape != (height, width, 3):
        raise InvalidReply(f"a redacted frame of {redacted.shape} for one of {height}x{width}")
    for region in masked:
        rows, columns = region.window(width, height)
        rows = slice(rows.start // GRID * GRID, min(height, -(-rows.stop // GRID) * GRID))
        columns = slice(columns.start // GRID * GRID, min(width, -(-columns.stop // GRID) * GRID))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        returned = next(planes(from_bgr(redacted[rows, columns], frame.pixels)))
        sent = next(planes(frame.pixels)).array[rows, columns]
        moved = region.moved(-columns.start, -rows.start)
        if not was_redacted(sent, returned.array, [moved], style, fill=returned.black):
            raise InvalidReply("a face came back from the function without being redacted")


def verify_unchanged(returned: BGR | Gray, clear: Thumbnail, boxes: Sequence[Box], padding: float) -> None:
    """Compare a redacted frame, in colour or gray, upright, with the clear frame's thumbnail, except in these boxes.

    Raises InvalidReply where it differs: of a function that masks more than it lists, faces would stay clear.
    """
    height, width = clear.gray.shape
    gray = cv2.cvtColor(returned, cv2.COLOR_BGR2GRAY) if returned.ndim == 3 else returned
    small = cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA)
    difference = np.abs(cv2.blur(small.astype(np.float32) - clear.gray, (AVERAGED, AVERAGED)))
    for region in regions(boxes, padding):
        rows, columns = region.scaled(1 / clear.scale, 1 / clear.scale).window(width, height)
        difference[
            max(0, rows.start - MARGIN) : rows.stop + MARGIN, max(0, columns.start - MARGIN) : columns.stop + MARGIN
        ] = 0
    if difference.max(initial=0) > MAX_DIFFERENCE:
        raise InvalidReply("the function's image differs from the frame where no face is listed")


def gray_image(returned: bytes, clear: Thumbnail) -> Gray:
    """A redacted frame, as the function encoded it, in gray; at half its size where the thumbnail is no larger.

    Raises InvalidReply.
    """
    flag = cv2.IMREAD_REDUCED_GRAYSCALE_2 if clear.scale >= 2 else cv2.IMREAD_GRAYSCALE
    gray = cv2.imdecode(np.frombuffer(returned, np.uint8), flag)
    if gray is None:
        raise InvalidReply("the function's image is a damaged or cut image")
    return gray  # type: ignore[return-value]
