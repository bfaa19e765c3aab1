"""Where a new scene begins: nothing is carried over a cut."""

from __future__ import annotations

import numpy as np

from faceblur.tracking.thumbnails import Thumbnail

# The mean change of hue, saturation and value from which frames count as of two scenes. PySceneDetect's ContentDetector
# cuts from 27 on by default; a higher one rather carries a mask over a soft cut than drops it at a flash.
CUT = 40.0


def is_change(before: Thumbnail, after: Thumbnail) -> bool:
    """Whether much changed between two frames: a new scene, or a motion, however fast."""
    return float(np.abs(after.hues - before.hues).mean()) > CUT
