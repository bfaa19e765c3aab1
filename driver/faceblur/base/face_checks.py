"""What makes a face usable, whoever lists it: the same checks for a reply of the function and for a line of a sidecar.

A region that covers nothing would pass for a masked face; numbers beyond any frame would overflow later.
"""

from __future__ import annotations

from collections.abc import Sequence

from faceblur_function.defaults import MAX_FACES

# In one frame of a video: what is detected in it, and what was detected in the frames around.
MAX_MASKS = 4 * MAX_FACES
# Pixels. JPEG, in which frames are sent, ends at 65,535 a side; a box that is carried along a pan may lie beyond.
MAX_COORDINATE = 1e6


def fault_of(box: Sequence[float], score: float | None) -> str | None:
    """What is wrong with a face by itself: a box x1, y1, x2, y2 in pixels, and a score, None where it has none."""
    x1, y1, x2, y2 = box
    if not all(abs(value) <= MAX_COORDINATE for value in box):  # not so for a NaN either
        return f"a coordinate of its box is beyond {MAX_COORDINATE:,.0f} pixels"
    if x1 >= x2 or y1 >= y2:
        return f"its box covers nothing: {described(box)} is not x1, y1, x2, y2 with x1 < x2 and y1 < y2"
    if score is not None and not 0 <= score <= 1:
        return f"its score {score:g} is not in the range 0 to 1"
    return None


def reaches_into(box: Sequence[float], frame_wh: tuple[int, int], padding: float = 0.0) -> bool:
    """Whether a box that grows by `padding` times its size on each side has a part in a frame of this size."""
    x1, y1, x2, y2 = box
    right, bottom = padding * (x2 - x1), padding * (y2 - y1)
    return x1 - right < frame_wh[0] and y1 - bottom < frame_wh[1] and x2 + right > 0 and y2 + bottom > 0


def in_bounds(box: Sequence[float]) -> tuple[float, float, float, float]:
    """The box with its coordinates clamped to MAX_COORDINATE."""
    x1, y1, x2, y2 = (max(-MAX_COORDINATE, min(MAX_COORDINATE, value)) for value in box)
    return x1, y1, x2, y2


def described(box: Sequence[float]) -> str:
    """A box in an error's text."""
    return f"[{', '.join(f'{value:g}' for value in box)}]"
