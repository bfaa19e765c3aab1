"""Where a new scene begins, for nothing is carried over a cut: a large change that no motion of the camera explains."""

from __future__ import annotations

import numpy as np

from faceblur.tracking.camera_motion import NO_MOTION, CameraMotion, estimate_motion
from faceblur.tracking.thumbnails import Thumbnail

# The mean change of hue, saturation and value from which frames count as of two scenes. PySceneDetect's ContentDetector
# cuts from 27 on by default; a higher one rather carries a mask over a soft cut than drops it at a flash.
CUT = 40.0


def is_change(before: Thumbnail, after: Thumbnail) -> bool:
    """Whether much changed between two frames: a new scene, or a motion, however fast."""
    return float(np.abs(after.hues - before.hues).mean()) > CUT


def transition(before: Thumbnail | None, after: Thumbnail) -> tuple[bool, CameraMotion]:
    """Whether a new scene begins, and how the camera moved, in pixels of the frames.

    A cut is a large change that no motion explains. `before` is None for the first frame.
    """
    if before is None:
        return False, NO_MOTION
    if camera := estimate_motion(before, after):
        return False, camera
    return is_change(before, after), NO_MOTION
