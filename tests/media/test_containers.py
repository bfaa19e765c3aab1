"""Which container an output gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceblur.media.containers import output_name
from faceblur.media.encoder_tables import written_codec


@pytest.mark.parametrize(
    ("source", "video", "audio", "written"),
    [
        ("a.MP4", "hevc", "aac", "a.MP4"),
        ("a.flv", "flv1", "mp3", "a.flv"),
        ("a.flv", "vp6f", "mp3", "a.flv"),  # H.264 takes VP6's place
        ("a.flv", "h264", "pcm_s16le", "a.flv.mkv"),
        ("a.ogv", "theora", "vorbis", "a.ogv.mkv"),
        ("a.avi", "mpeg4", "mp3", "a.avi"),
        ("a.avi", "mpeg4", "pcm_s24le", "a.avi"),
        ("a.avi", "mpeg4", "ac3", "a.avi.mkv"),
        ("a.webm", "h264", "opus", "a.webm.mkv"),
    ],
)
def test_container_is_kept_where_it_holds_what_is_written(source: str, video: str, audio: str, written: str) -> None:
    assert output_name(Path(source), [written_codec(video)], [audio]) == written
