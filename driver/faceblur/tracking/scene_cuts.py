"""Where a new scene begins, for nothing is carried over a cut: a large change that no motion of the camera explains.

A camera that is torn round, or a few frames a second, change a picture as much as a cut does, and no motion is found.
But the scene keeps most of its colours.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from faceblur.tracking.camera_motion import NO_MOTION, CameraMotion, estimate_motion
from faceblur.tracking.thumbnails import Thumbnail

# The mean change of hue, saturation and value from which frames count as of two scenes. PySceneDetect's ContentDetector
# cuts from 27 on by default; a higher one rather carries a mask over a soft cut than drops it at a flash.
CUT = 40.0
# Frames that share this much of their colours, in so many bins of hue, saturation and value, may be of one scene. Nine
# changes within a scene have 0.67 and more; of 13 cuts in five films, eight have less than 0.6. A mask that is
# carried over a cut hides too much for a moment; one that is dropped within a scene leaves a face visible.
SHARED_COLOURS, BINS = 0.6, (8, 4, 4)


def is_change(before: Thumbnail, after: Thumbnail) -> bool:
    """Whether much changed between two frames: a new scene, or a motion, however fast."""
    return float(np.abs(after.hues - before.hues).mean()) > CUT


def transition(before: Thumbnail | None, after: Thumbnail) -> tuple[bool, CameraMotion]:
    """Whether a new scene begins, and how the camera moved, in pixels of the frames.

    A cut is a large change of picture and colours that no motion explains. `before` is None for the first frame.
    """
    if before is None:
        return False, NO_MOTION
    if camera := estimate_motion(before, after):
        return False, camera
    return is_change(before, after) and _shared_colours(before, after) < SHARED_COLOURS, NO_MOTION


def _shared_colours(before: Thumbnail, after: Thumbnail) -> float:
    """The share of two frames' pixels, 0 to 1, that have a counterpart of like colour, wherever it is."""
    one, other = (_colours(frame) / frame.hues[:, :, 0].size for frame in (before, after))
    return float(np.minimum(one, other).sum())


def _colours(frame: Thumbnail) -> NDArray[np.float32]:
    """How many pixels have which colour."""
    ranges = [0, 180, 0, 256, 0, 256]
    return np.asarray(cv2.calcHist([frame.hues.astype(np.uint8)], [0, 1, 2], None, BINS, ranges))
