"""What happens between two frames: the camera moves, or a new scene begins."""

from __future__ import annotations

from faceblur.tracking.camera_motion import NO_MOTION, CameraMotion, estimate_motion
from faceblur.tracking.scene_cuts import is_change
from faceblur.tracking.thumbnails import Thumbnail


def transition(before: Thumbnail | None, after: Thumbnail) -> tuple[bool, CameraMotion]:
    """Whether a new scene begins, and how the camera moved, in pixels of the frames.

    A cut is a large change that no motion explains. `before` is None for the first frame.
    """
    if before is None:
        return False, NO_MOTION
    if camera := estimate_motion(before, after):
        return False, camera
    return is_change(before, after), NO_MOTION
