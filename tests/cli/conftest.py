"""What the tests of the command line share."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from tests.support import clips as media


@pytest.fixture
def long_clip(clips: Path, face: Image) -> Path:
    path = clips / "long.mp4"
    return path if path.exists() else write_clip(path, media.numbered(pan(face, (320, 240), 300)))
