"""What the tests of the jobs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip


@pytest.fixture(scope="module")
def clip(clips: Path, face: Image) -> Path:
    return write_clip(clips / "names.mp4", pan(face, (160, 120), 2), audio_codec=None)
