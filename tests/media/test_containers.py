"""Which container an output gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceblur.media.containers import output_name
from faceblur.media.encoder_tables import written_codec


@pytest.mark.parametrize(
    ("source", "video", "lost", "written"),
    [
        ("a.MP4", "hevc", {}, "a.MP4"),
        ("a.flv", "vp6f", {}, "a.flv"),  # H.264 takes VP6's place
        ("a.ogv", "theora", {}, "a.ogv.mkv"),
        ("a.webm", "h264", {}, "a.webm.mkv"),
        ("a.avi", "mpeg4", {"avi": (1, 0)}, "a.avi.mkv"),
        ("a.avi", "mpeg4", {"avi": (1, 0), "matroska": (1, 0)}, "a.avi.mov"),
        ("a.avi", "mpeg4", {"avi": (1, 0), "matroska": (0, 1), "mov": (0, 1)}, "a.avi.mkv"),
        ("a.avi", "wmv1", {"avi": (1, 0)}, "a.avi.mkv"),  # which holds no WMV 7: H.264 takes its place
        ("a.flv", "flv1", {"flv": (1, 0)}, "a.flv.mkv"),
        ("a.avi", "mpeg4", {"avi": (0, 1), "matroska": (0, 2), "mov": (1, 0)}, "a.avi"),
        ("a.nut", "mpeg4", {"matroska": (1, 0)}, "a.nut.mov"),
        ("a.nut", "mpeg4", {"matroska": (1, 0), "mov": (1, 0)}, "a.nut.mkv"),
    ],
)
def test_the_container_that_loses_least(
    source: str, video: str, lost: dict[str, tuple[int, int]], written: str
) -> None:
    assert output_name(Path(source), [written_codec(video)], lambda muxer: lost.get(muxer, (0, 0))) == written
