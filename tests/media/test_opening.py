"""Which files are opened: only regular ones, and nothing that names other files, addresses or devices."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import av
import cv2
import pytest
from av.format import ContainerFormat, formats_available

from examples.sample_clip import Image
from faceblur.base.errors import MediaError
from faceblur.media.opening import INPUT_OPTIONS, NotOpened, open_input
from faceblur.media.source_file import SourceFile

PLAYLIST = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXTINF:2.0,\n{name}\n"
SDP = (
    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 49170 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
)
MPD = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic" '
    'profiles="urn:mpeg:dash:profile:isoff-live:2011"><Period><AdaptationSet mimeType="video/mp4">'
    '<Representation id="0"><BaseURL>{name}</BaseURL></Representation></AdaptationSet></Period></MPD>'
)
# Each would read the file `{name}`, or wait at an address.
NAMING_OTHERS = {
    "live.m3u8": PLAYLIST,
    "live.mp4": PLAYLIST,
    "list.ffconcat": "ffconcat version 1.0\nfile {name}\n",
    "list.mp4": "ffconcat version 1.0\nfile {name}\n",
    "call.sdp": SDP,
    "call.mp4": SDP,
    "manifest.mpd": MPD,
    "script.sbg": "#!/usr/bin/sbagen\n-SE\nall: 200+10/50\nNOW all\n",
    "text.txt": "text that a terminal would show\n" * 50,
    "subtitle.idx": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n"
    "timestamp: 00:00:01:000, filepos: 000000000\n",
}


@pytest.mark.parametrize("name", NAMING_OTHERS)
@pytest.mark.parametrize("named", ["fifo", "clip.ts"])
def test_a_file_that_names_others_is_refused_before_they_are_opened(tmp_path: Path, name: str, named: str) -> None:
    # To open the FIFO would block for ever.
    os.mkfifo(tmp_path / "fifo")
    path = tmp_path / name
    path.write_text(NAMING_OTHERS[name].format(name=named))
    with pytest.raises(MediaError, match="not a video"):
        SourceFile(path)


def test_an_image_sequence_is_not_opened_by_its_pattern(face: Image, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "001.jpg"), face)
    shutil.copy(tmp_path / "001.jpg", tmp_path / "%03d.jpg")
    with pytest.raises(MediaError, match="not a video"):
        SourceFile(tmp_path / "%03d.jpg")


@pytest.mark.parametrize("name", ["http:x", "concat:a|b", "-", "pipe:0", "file:x", "%03d.mp4", "data:,x", "async:x"])
def test_a_name_is_never_taken_for_an_address(
    face_clip: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(face_clip, tmp_path / name)
    with SourceFile(Path(name)) as source:
        assert "mp4" in source.formats


@pytest.mark.parametrize("kind", ["fifo", "socket", "device", "folder"])
def test_what_is_no_regular_file_is_refused_before_it_is_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "clip.mp4"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    listening = socket.socket(socket.AF_UNIX)
    with listening:
        if kind == "socket":
            listening.bind(str(path))
        with pytest.raises(MediaError, match=r"clip.mp4: no regular file"):
            SourceFile(path)


def test_a_link_to_a_regular_file_is_opened(face_clip: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.mp4"
    link.symlink_to(face_clip)
    with SourceFile(link) as source:
        assert source.videos


def test_every_listed_format_is_one_that_ffmpeg_reads() -> None:
    known: set[str] = set()
    for name in formats_available:
        try:
            known |= set(ContainerFormat(name, "r").name.split(","))
        except ValueError:  # it is only written
            continue
    assert set(INPUT_OPTIONS["format_whitelist"].split(",")) <= known


def test_opening_ends_after_a_time(face_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceblur.media.opening.OPEN_SECONDS", 0.0)
    with pytest.raises(NotOpened, match="took longer than 0 s"):
        open_input(face_clip)


def test_reading_has_no_time_limit(face_clip: Path) -> None:
    container = open_input(face_clip)
    with container:
        assert container.read_timeout is None and isinstance(container, av.container.InputContainer)
