"""Strips of a long image, such as a panorama. Each is searched by itself: in the complete image, which the function
scales down by its long side, faces would be too small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

from faceblur.tracking.boxes import Detection, hull, iou
from faceblur_function.defaults import DETECT_SIZE, MAX_FRAMES

MAX_ASPECT = 2  # of a strip, long side by short side: about that of a photograph
MAX_STRIPS = MAX_FRAMES // 2  # the alpha channel may be searched too, in the same request
ONE_FACE = 0.4  # IoU from which detections of two strips are one face

Strip = tuple[slice, slice]  # rows and columns


def strips(size_wh: tuple[int, int]) -> list[Strip]:
    """The parts of an image of this width and height that are searched, by default one: all of it.

    They overlap by the short side, so that a face that one of them cuts lies completely in the next one.
    """
    shorter, longer = sorted(size_wh)
    length = max(MAX_ASPECT * shorter, DETECT_SIZE)
    if longer <= length:
        return [(slice(0, size_wh[1]), slice(0, size_wh[0]))]
    count = min(MAX_STRIPS, math.ceil((longer - shorter) / (length - shorter)))
    length = math.ceil((longer + (count - 1) * shorter) / count)
    starts = [(longer - length) * index // (count - 1) for index in range(count)]
    along, across = [slice(start, start + length) for start in starts], slice(0, shorter)
    return [(across, one) if size_wh[0] == longer else (one, across) for one in along]


def area(strip: Strip) -> int:
    """How many pixels a strip has."""
    rows, columns = strip
    height: int = rows.stop - rows.start
    width: int = columns.stop - columns.start
    return width * height


def merged(parts: Sequence[Sequence[Detection]]) -> list[Detection]:
    """The detections of all strips. Those of one face in two of them become one, which covers both."""
    if len(parts) == 1:
        return list(parts[0])
    kept = list[Detection]()
    for one in sorted(chain(*parts), key=lambda one: -one.score):
        for index, other in enumerate(kept):
            if iou(one.box, other.box) >= ONE_FACE:
                kept[index] = Detection(hull([one.box, other.box]), other.score)
                break
        else:
            kept.append(one)
    return kept
