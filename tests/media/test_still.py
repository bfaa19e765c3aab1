"""Stills: the frame that is asked for, from any place in files of all kinds, and those around it or after it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.errors import MediaError
from faceblur.base.time_span import TimeSpan
from faceblur.media import still
from faceblur.media.frames import DecodedFrame
from faceblur.media.reader import VideoReader
from faceblur.media.still import AROUND, Wanted, read_on, read_stills
from tests.support import clips as media
from tests.support.awkward_kind import run_ffmpeg

FRAMES = 90
KINDS = {
    "open_gop.mp4": "-c:v libx264 -g 30 -bf 3 -x264-params open-gop=1:scenecut=0",
    "open_gop.mkv": "-c:v libx264 -g 30 -bf 3 -x264-params open-gop=1:scenecut=0",
    "hevc.mp4": "-c:v libx265 -x265-params log-level=none:keyint=30",
    "reordered.avi": "-c:v mpeg4 -bf 2 -g 30",
    "late.ts": "-c:v mpeg2video -g 15 -bf 2 -output_ts_offset 50",
    "raw.h264": "-c:v libx264 -g 30 -bf 2",
    "one_key.webm": "-c:v libvpx -g 999 -b:v 1M",
}


@pytest.fixture(scope="module")
def numbered(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stills") / "numbered.mkv"
    return write_clip(path, media.numbered(pan(face, (160, 120), FRAMES)))


@pytest.mark.parametrize("name", KINDS)
def test_the_very_frame(numbered: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    run_ffmpeg(f"-i {{source}} -an {KINDS[name]} {{path}}", source=numbered, path=path)
    with VideoReader(path) as reader:
        read = [one for one in reader if isinstance(one, DecodedFrame)]
    times = [(one.stream, one.seconds, float(one.time_base) / 2) for one in read]
    # A frame of each place in a group, and the neighbours of key frames.
    for number in (0, 1, *range(26, 34), 58, 59, 60, FRAMES - 2, FRAMES - 1):
        stream, seconds, tolerance = times[number]
        found = read_stills(partial(VideoReader, path), Wanted(stream, number, seconds, tolerance))
        assert sorted(found) == list(range(min(found), max(found) + 1)) and len(found) > AROUND
        assert number in found and all(np.array_equal(one.upright(), read[key].upright()) for key, one in found.items())


def test_a_frame_of_a_span_counts_from_its_start(numbered: Path) -> None:
    opening = partial(VideoReader, numbered, span=TimeSpan(1.0, 2.0))
    found = read_stills(opening, Wanted(0, 3, 0.12, 0.001))
    assert media.number(found[3].upright()) == 28


@pytest.mark.parametrize("name", ["open_gop.mp4", "open_gop.mkv", "hevc.mp4"])
def test_a_file_that_can_be_searched_is_not_read_to_the_frame(
    numbered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def refuse(_: VideoReader) -> None:
        raise AssertionError("it is read from its beginning")

    path = tmp_path / name
    run_ffmpeg(f"-i {{source}} -an {KINDS[name]} {{path}}", source=numbered, path=path)
    with VideoReader(path) as reader:
        times = [one.seconds for one in reader if isinstance(one, DecodedFrame)]
    with monkeypatch.context() as patched:
        patched.setattr(still.VideoReader, "__iter__", refuse)
        for number in range(50, 65):
            assert number in read_stills(partial(VideoReader, path), Wanted(0, number, times[number], 0.001))


def test_a_frame_that_is_not_there(numbered: Path) -> None:
    with pytest.raises(MediaError, match="has no frame 90"):
        read_stills(partial(VideoReader, numbered), Wanted(0, 90, 3.6, 0.001))


@pytest.mark.parametrize("name", KINDS)
def test_frames_that_follow_each_other(numbered: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    run_ffmpeg(f"-i {{source}} -an {KINDS[name]} {{path}}", source=numbered, path=path)
    with VideoReader(path) as reader:
        read = [one for one in reader if isinstance(one, DecodedFrame)]
    every = [Wanted(one.stream, one.number, one.seconds, float(one.time_base) / 2) for one in read]
    for first, after in ((0, 5), (29, 34), (58, FRAMES)):
        found = list(read_on(partial(VideoReader, path), every[first:after]))
        assert [one.number for one in found] == list(range(first, after))
        assert all(np.array_equal(one.upright(), read[one.number].upright()) for one in found)


def test_where_a_search_gives_other_frames_the_rest_is_read_from_the_beginning(numbered: Path) -> None:
    with VideoReader(numbered) as reader:
        times = [one.seconds for one in reader if isinstance(one, DecodedFrame)]
    # Frame 43 is said to be shown at another time than it has in the file.
    wanted = [Wanted(0, number, times[number] + 0.02 * (number == 43), 0.001) for number in range(40, 50)]
    found = list(read_on(partial(VideoReader, numbered), wanted))
    assert [media.number(one.upright()) for one in found] == [one.number for one in found] == list(range(40, 50))
    with pytest.raises(MediaError, match=f"stream 0 has no frame {FRAMES}"):
        list(read_on(partial(VideoReader, numbered), [Wanted(0, FRAMES, 9.0, 0.001)]))
