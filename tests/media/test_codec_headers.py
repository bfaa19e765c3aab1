"""The headers of copied streams are written anew: what a decoder needs, without comments and pictures."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.media.codec_headers import CodecHeader, needed_header
from tests.support.awkward_kind import run_ffmpeg
from tests.support.copies import copy

JPEG = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes()


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(audio=0)]


def encoded(target: Path, face: Image, arguments: str) -> Path:
    """A clip with its sound in another codec, by ffmpeg."""
    plain = write_clip(target.with_suffix(".plain.mkv"), pan(face, (160, 120), 10))
    run_ffmpeg(f"-i {{plain}} -strict -2 {arguments} {{target}}", plain=plain, target=target)
    return target


def vorbis_with(header: bytes, comments: dict[str, bytes]) -> bytes:
    """FFmpeg's header of Vorbis, which begins with 2, with other comments."""
    first, second = header[1], header[2]
    begin = 3 + first + second
    pairs = [name.encode() + b"=" + value for name, value in comments.items()]
    packed = b"".join(struct.pack("<I", len(one)) + one for one in pairs)
    block = b"\3vorbis" + struct.pack("<I", 3) + b"me!" + struct.pack("<I", len(pairs)) + packed + b"\1"
    lacing = b"\xff" * (len(block) // 255) + bytes([len(block) % 255])
    return bytes([2, first]) + lacing + header[3 : 3 + first] + block + header[begin:]


def test_comments_of_vorbis_are_left_out_and_it_still_plays(face: Image, tmp_path: Path) -> None:
    plain = encoded(tmp_path / "plain.mkv", face, "-c:v copy -c:a libvorbis")
    source, picture = tmp_path / "in.mkv", JPEG + b"a picture"
    with av.open(str(plain)) as one, av.open(str(source), "w") as two:
        streams: list[Any] = [two.add_stream_from_template(stream, opaque=True) for stream in one.streams]
        header = streams[1].codec_context.extradata
        comments = {"METADATA_BLOCK_PICTURE": picture, "LOCATION": b"+48.8584+002.2945/", "encoder": b"me"}
        streams[1].codec_context.extradata = vorbis_with(header, comments)
        for packet in one.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                two.mux(packet)
    assert b"a picture" in source.read_bytes() and b"48.8584" in source.read_bytes()
    target = tmp_path / "out.mkv"
    assert copy(source, target) == ["stream 1 (audio, vorbis): LOCATION, METADATA_BLOCK_PICTURE in its codec's header"]
    assert b"a picture" not in target.read_bytes() and b"48.8584" not in target.read_bytes()
    assert all((a == b).all() for a, b in zip(decoded(plain), decoded(target), strict=True))
    assert copy(plain, tmp_path / "again.mkv") == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("flac.mkv", "-c:a flac"),
        ("opus.mkv", "-c:a libopus"),
        ("vorbis.webm", "-c:v libvpx -c:a libvorbis"),
        ("flac.mp4", "-c:a flac"),
        ("alac.mov", "-c:a alac"),
        ("aac.mp4", "-c:a aac"),
        ("aac.ts", "-c:a aac"),
        ("mp3.avi", "-c:v mpeg4 -c:a libmp3lame"),
        ("wma.asf", "-c:v wmv2 -c:a wmav2"),
    ],
)
def test_headers_of_encoders_are_kept(name: str, arguments: str, face: Image, tmp_path: Path) -> None:
    source = encoded(tmp_path / name, face, f"-c:v libx264 {arguments}")
    target = tmp_path / "out" / name
    assert [line for line in copy(source, target) if "audio" in line] == []
    both = decoded(source), decoded(target)
    assert both[0] and all((a == b).all() for a, b in zip(*both, strict=True))


ASS = "[Script Info]\r\nScriptType: v4.00+\r\nTitle: 47.3769, 8.5417\r\n\r\n[V4+ Styles]\r\nFormat: Name\r\n"


@pytest.mark.parametrize(
    ("codec", "header", "needed"),
    [
        ("flac", bytes(34) + JPEG, CodecHeader(bytes(34), ("further bytes",))),
        ("flac", b"fLaC\0\0\0\x22" + bytes(34) + b"\x86" + JPEG, CodecHeader(bytes(34), ("further blocks",))),
        ("opus", b"OpusHead\1\2" + bytes(9) + JPEG, CodecHeader(b"OpusHead\1\2" + bytes(9), ("further bytes",))),
        (
            "opus",
            b"OpusHead\1\6" + bytes(8) + b"\1" + bytes(8) + JPEG,
            CodecHeader(b"OpusHead\1\6" + bytes(8) + b"\1" + bytes(8), ("further bytes",)),
        ),
        ("alac", bytes(36) + JPEG, CodecHeader(bytes(36), ("further bytes",))),
        ("speex", bytes(80) + JPEG, CodecHeader(bytes(80), ("further bytes",))),
        (
            "mov_text",
            bytes(30) + b"\0\0\0\x0aftab\0\0" + b"\0\0\0\x0cuuidJPEG",
            CodecHeader(bytes(30) + b"\0\0\0\x0aftab\0\0", ("box uuid",)),
        ),
        (
            "ass",
            (ASS + "[Graphics]\r\nfilename: a\r\n!!!\r\n[Events]\r\nFormat: Layer\r\n").encode(),
            CodecHeader(
                (ASS.replace("Title: 47.3769, 8.5417\r\n", "") + "[Events]\r\nFormat: Layer\r\n").encode(),
                ("Title", "[Graphics]"),
            ),
        ),
        ("dvd_subtitle", b"# 47.3769, 8.5417\npalette: 1, 2\n", CodecHeader(b"palette: 1, 2\n")),
        ("aac", b"\x11\x90", CodecHeader(b"\x11\x90")),
    ],
)
def test_what_is_needed(codec: str, header: bytes, needed: CodecHeader) -> None:
    assert needed_header(codec, header) == needed


@pytest.mark.parametrize(
    ("codec", "header"),
    [
        ("aac", b"\x11\x90" + JPEG),
        ("wmav2", bytes(2000)),
        ("webvtt", b"NOTE GPS (8.5417, 47.3769, 19)"),
        ("webvtt", b"STYLE\n::cue { background: url(data:image/png;base64,AAAA) }"),
        ("vorbis", b"\2\x1e"),
        ("opus", b"Opus"),
    ],
)
def test_headers_that_cannot_be_looked_into(codec: str, header: bytes) -> None:
    with pytest.raises(ValueError, match="header"):
        needed_header(codec, header)
