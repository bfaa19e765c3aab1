"""Clips for the tests of a fleet."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from tests.support.clips import numbered


@pytest.fixture(scope="session")
def short_clip(clips: Path, face: Image) -> Path:
    """24 numbered frames."""
    return write_clip(clips / "short.mp4", numbered(pan(face, (192, 144), 24)))


@pytest.fixture(scope="session")
def long_clip(clips: Path, face: Image) -> Path:
    """300 frames. They are no small frames, whose search takes longer."""
    return write_clip(clips / "fleet_long.mp4", pan(face, (500, 280), 300))


@pytest.fixture
def file_ledger(tmp_path: Path) -> str:
    """A ledger in a file, for tests that have nothing to do with the kind of the database."""
    return str(tmp_path / "ledger.db")
