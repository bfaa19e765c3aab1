"""Verifies a frame that the function redacted against the clear frame that it was made of."""

from __future__ import annotations

from collections.abc import Sequence

from faceblur.base.errors import InvalidReply
from faceblur.media.frames import DecodedFrame
from faceblur.media.planes import BGR, from_bgr, planes
from faceblur_function.mask_shapes import Region
from faceblur_function.styles import was_redacted

# Pixels: complete chroma samples of the coarsest subsampling that there is.
GRID = 4


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
