"""Streams of codecs that FFmpeg does not know: left out and named; the others of the file are kept."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from faceblur.base.errors import MediaError
from tests.support.awkward import make_all
from tests.support.awkward_kind import X264, Kind, Make, ffmpeg
from tests.support.copies import copy

LINES = "-i {face} -i {lines}"
SOUNDS = "-map 0:v -map 0:a -map 0:a"
VIDEOS = "-map 0:v -map 0:v -map 0:a"


def renamed(arguments: str, codec: bytes, unknown: bytes, inputs: str = "-i {face}") -> Make:
    """A file by ffmpeg in which a codec has a name that FFmpeg does not know."""

    def make(material: Path, target: Path) -> None:
        ffmpeg(arguments, inputs)(material, target)
        content = target.read_bytes()
        assert codec in content
        target.write_bytes(content.replace(codec, unknown))

    return make


@pytest.mark.parametrize(
    ("name", "make", "left_out", "kept"),
    [
        # An iPhone's second audio track.
        ("apac.mov", renamed(f"{SOUNDS} {X264} -c:a:0 aac -c:a:1 alac", b"alac", b"apac"), "stream 2 (audio", "va"),
        ("apac.mp4", renamed(f"{SOUNDS} {X264} -c:a:0 alac -c:a:1 aac", b"alac", b"apac"), "stream 1 (audio", "va"),
        ("a.mkv", renamed(f"{SOUNDS} {X264} -c:a:0 aac -c:a:1 flac", b"A_FLAC", b"A_XLAC"), "stream 2 (audio", "va"),
        ("alone.mkv", renamed(f"{X264} -c:a flac", b"A_FLAC", b"A_XLAC"), "stream 1 (audio", "v"),
        ("s.mkv", renamed(f"{X264} -c:a aac -c:s ass", b"S_TEXT/ASS", b"S_TEXT/XXX", LINES), "stream 2 (sub", "va"),
        ("v.mkv", renamed(f"{VIDEOS} {X264} -c:v:0 vp8", b"V_VP8", b"V_XP8"), "stream 0 (video", "va"),
        ("v.mov", renamed(f"{VIDEOS} -c:v:0 libx264 -c:v:1 qtrle", b"rle ", b"xle "), "stream 1 (video", "va"),
    ],
)
def test_is_left_out_and_named(tmp_path: Path, name: str, make: Make, left_out: str, kept: str) -> None:
    make_all((Kind(name, "", make),), tmp_path / "material", tmp_path)
    named = copy(tmp_path / name, tmp_path / "out" / name)
    assert any(line.startswith(left_out) for line in named), named
    with av.open(str(tmp_path / "out" / name)) as output:
        assert "".join(stream.type[0] for stream in output.streams) == kept


def test_a_video_of_which_no_stream_can_be_decoded_fails(tmp_path: Path) -> None:
    make = renamed("-c:v qtrle -an", b"rle ", b"xle ")
    make_all((Kind("v.mov", "", make),), tmp_path / "material", tmp_path)
    with pytest.raises(MediaError, match="its video stream cannot be decoded"):
        copy(tmp_path / "v.mov", tmp_path / "out" / "v.mov")
