"""Tiles of a large image. Each is searched by itself, and so is the complete image: the function scales that down to
search it, so that small faces would not be detected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import chain

from faceblur.tracking.boxes import Detection, hull, iou
from faceblur_function.defaults import DETECT_SIZE, MAX_FRAMES

# Pixels of the long side up to which an image has no tiles: of a face of 20 px the function's copy shows 16.
LARGE = 1.25 * DETECT_SIZE
# Pixels that tiles share: a smaller face that one of them cuts lies completely in another. A larger one has 25 px and
# more in the next level, whose tiles are so many times as large; the last level is the complete image.
OVERLAP, LEVEL = 256, 8
MAX_TILES = MAX_FRAMES // 2  # the alpha channel may be searched too, in the same request
GROWTH = 1.1  # of tiles, until there are no more than that
ONE_FACE = 0.4  # IoU from which detections in two tiles are one face

ImageTile = tuple[slice, slice]  # rows and columns


def tiles(size_wh: tuple[int, int]) -> list[ImageTile]:
    """The parts of an image of this width and height that are searched. The last one is all of it."""
    scale = 1.0
    while len(found := _levels(size_wh, scale)) > MAX_TILES:
        scale *= GROWTH
    return found


def _levels(size_wh: tuple[int, int], scale: float) -> list[ImageTile]:
    width, height = size_wh
    found = list[ImageTile]()
    while max(size_wh) > scale * LARGE:
        side, shared = round(scale * DETECT_SIZE), round(scale * OVERLAP)
        found += [(rows, columns) for rows in _spans(height, side, shared) for columns in _spans(width, side, shared)]
        scale *= LEVEL
    return [*found, (slice(0, height), slice(0, width))]


def _spans(length: int, side: int, shared: int) -> list[slice]:
    """Spans of at most `side` pixels that cover a length and share as many pixels as given, or more."""
    if length <= side:
        return [slice(0, length)]
    count = math.ceil((length - shared) / (side - shared))
    side = math.ceil((length + (count - 1) * shared) / count)
    starts = [(length - side) * index // (count - 1) for index in range(count)]
    return [slice(start, start + side) for start in starts]


def merged(parts: Sequence[Sequence[Detection]]) -> list[Detection]:
    """The detections of all tiles. Those of one face in two of them become one, which covers both."""
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
