"""What the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from examples.sample_clip import Image, pan, write_clip
from tests.support import clips as media


@pytest.fixture
def long_clip(clips: Path, face: Image) -> Path:
    """300 frames with a face, and their numbers in a border below that no mask reaches.

    They are no small frames, whose search takes longer.
    """
    path = clips / "long.mp4"
    bordered = (cv2.copyMakeBorder(one, 0, 60, 0, 0, cv2.BORDER_CONSTANT) for one in pan(face, (500, 280), 300))
    return path if path.exists() else write_clip(path, media.numbered(bordered))
