"""A short video and its output, to be edited."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from tests.redaction.regions import run


@pytest.fixture(scope="module")
def made(face: Image, function_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source of 10 frames in `in` and its output in `out`."""
    folder = tmp_path_factory.mktemp("edited")
    source = write_clip(folder / "in" / "face.mp4", islice(pan(face, (320, 240), 60), 10))
    run("run", source, "-o", folder / "out", "--function", function_url)
    return folder


@pytest.fixture
def output(made: Path, tmp_path: Path) -> Path:
    """A fresh copy of both; it gives the output."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "out" / "face.mp4"
