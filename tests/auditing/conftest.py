"""What the tests of the audit share."""

from __future__ import annotations

import pytest

from examples.sample_clip import Image, pan
from tests.auditing.small_frames import FRAMES


@pytest.fixture(scope="module")
def images(face: Image) -> list[Image]:
    return list(pan(face, (192, 144), FRAMES))
