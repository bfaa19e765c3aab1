"""The structure of containers shows what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.media import integrity


@pytest.mark.parametrize(
    ("suffix", "container", "codec", "audio"),
    [
        (".mp4", "mov,mp4,m4a,3gp,3g2,mj2", "libx264", "aac"),
        (".mkv", "matroska,webm", "libx264", "aac"),
        (".avi", "avi", "mpeg4", "libmp3lame"),
        (".ts", "mpegts", "libx264", "aac"),
    ],
)
def test_structure_shows_what_is_missing(
    face: Image, tmp_path: Path, suffix: str, container: str, codec: str, audio: str
) -> None:
    clip = write_clip(tmp_path / f"clip{suffix}", pan(face, (160, 120), 12), video_codec=codec, audio_codec=audio)
    content = clip.read_bytes()
    assert integrity.find_fault(clip, container) is None
    for share in (0.3, 0.7, 0.99):
        clip.write_bytes(content[: int(len(content) * share) // 188 * 188 + 100])
        assert integrity.find_fault(clip, container)


def test_structure_of_nonsense_is_no_error(tmp_path: Path) -> None:
    for index, content in enumerate(
        [b"", b"\0" * 5, b"\xff" * 300, b"RIFF\xff\xff\xff\x7fAVI LIST", b"\x1aE\xdf\xa3\x18S\x80g"]
    ):
        path = tmp_path / str(index)
        path.write_bytes(content)
        for container in integrity.CHECKS:
            integrity.find_fault(path, container)
    assert integrity.find_fault(tmp_path / "1", "ivf") == "cut short: its last part is not complete"
