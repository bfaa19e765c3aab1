"""A part of a video of any container is copied, and can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.sample_clip import Image
from faceblur.base.errors import MediaError
from faceblur.media.excerpt import write_excerpt
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from tests.support.small_clips import CLIPS, make_clips, make_source


@pytest.fixture(scope="module")
def folder(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("excerpts")
    make_clips(make_source(made, face), made / "clips")
    return made / "clips"


@pytest.mark.parametrize("name", CLIPS)
def test_a_part_of_it_can_be_read(folder: Path, tmp_path: Path, name: str) -> None:
    excerpt = write_excerpt(folder / name, tmp_path / "excerpt", at=0.5, seconds=0.2)
    with VideoReader(excerpt, tolerate=True) as reader:
        frames = sum(isinstance(one, DecodedFrame) for one in reader)
    assert 5 <= frames < 16  # of 16


def test_what_cannot_be_copied_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(MediaError, match=r"x\.mp4: no part of it can be copied"):
        write_excerpt(tmp_path / "x.mp4", tmp_path / "excerpt", at=0.5, seconds=1)
    assert [path.name for path in tmp_path.iterdir()] == ["x.mp4"]
