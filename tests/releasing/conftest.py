"""Real outputs with their audits, to release."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from tests.cli.calls import invoke


@pytest.fixture(scope="session")
def audited(face: Image, function_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two sources in `in`, one of them deeper, and in `out` their outputs, audited, with a preview."""
    folder = tmp_path_factory.mktemp("audited")
    for name, frames in (("a.mp4", 8), ("deep/b.mp4", 6)):
        write_clip(folder / "in" / name, pan(face, (192, 144), frames), audio_codec=None)
    done = invoke("run", folder / "in", "-o", folder / "out", "--function", function_url, "--audit", "--preview")
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def folder(audited: Path, tmp_path: Path) -> Path:
    """A fresh copy of it."""
    shutil.copytree(audited, tmp_path, dirs_exist_ok=True)
    return tmp_path
