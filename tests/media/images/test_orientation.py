"""Images are turned as a viewer shows them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from faceblur.media.images.orientation import turned


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_what_a_viewer_shows(orientation: int) -> None:
    stored = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    image = Pillow.fromarray(stored)
    image.getexif()[0x0112] = orientation
    assert np.array_equal(turned(stored, orientation), np.array(ImageOps.exif_transpose(image)))
