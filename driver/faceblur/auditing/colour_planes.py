"""Whether the colours of a masked face are left where its gray levels are not. Planes are `(H / 2, W / 2) uint8`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.auditing.legibility import Legibility, measure_legibility
from faceblur.tracking.boxes import Box
from faceblur_function.mask_shapes import Region, boxes_as_regions
from faceblur_function.styles import redact

# Colours show less detail than gray levels do: a face with less than this, in levels of a plane, tells nothing; nor
# does one of fewer pixels of the frame. Measured on 18 real clips: no masked face counts, and of ten of them with the
# source's colours 90 % of the faces that show so much. Of 11 pixels masked ones counted as well.
MIN_DETAIL, MIN_PIXELS = 0.5, 24.0
# What `solid` paints.
NO_COLOUR = 128
ColourPlane = NDArray[np.uint8]
ColourPlanes = Sequence[ColourPlane]


def colours_left(
    source: ColourPlanes, output: ColourPlanes, box: Box, reach: float, masked: Iterable[Region], style: str
) -> Legibility | None:
    """What is left of a masked face in the plane where most is, with a `reach` as in `measure_legibility`.

    None where nothing of it is legible. `box` and `masked` are in pixels of the frame.
    """
    if min(box[2] - box[0], box[3] - box[1]) < MIN_PIXELS:
        return None
    small = box[0] / 2, box[1] / 2, box[2] / 2, box[3] / 2
    regions = [region.scaled(0.5, 0.5) for region in masked]
    found = []
    for plane, other in zip(source, output, strict=True):
        left = measure_legibility(plane, other, small, reach, MIN_DETAIL)
        if left is None or not left.legible:
            continue
        redacted = plane.copy()
        redact(redacted, regions, style, fill=NO_COLOUR)
        expected = measure_legibility(plane, redacted, small, reach, MIN_DETAIL)
        if (expected is None or left.exceeds(expected)) and _is_nearer(plane, redacted, other, small):
            found.append(left)
    return max(found, key=lambda left: left.left, default=None)


def _is_nearer(source: ColourPlane, redacted: ColourPlane, output: ColourPlane, box: Box) -> bool:
    """Whether the output is nearer to the source than to its redacted copy: at little detail noise may look alike."""
    (face,) = boxes_as_regions([box])
    rows, columns = face.window(source.shape[1], source.shape[0])
    errors = [cv2.norm(one[rows, columns], output[rows, columns], cv2.NORM_L1) for one in (source, redacted)]
    return errors[0] < errors[1]
