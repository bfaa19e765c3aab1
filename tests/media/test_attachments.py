"""Attachments of Matroska: fonts are copied, pictures are redacted, all else is left out and named."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from examples.sample_clip import Image, pan, write_clip
from faceblur.media.fonts import font_of
from faceblur.media.orientation import turned_back
from faceblur.media.pyav import display_matrix
from faceblur.media.unsearched_parts import unsearched_parts
from tests.conftest import detail_left
from tests.support.awkward import font
from tests.support.copies import copy
from tests.support.images import invoke


def with_attachments(target: Path, face: Image, *attachments: tuple[str, str, bytes]) -> Path:
    """A small Matroska file with attachments of these names, types and bytes."""
    plain = write_clip(target.with_suffix(".plain.mkv"), pan(face, (160, 120), 5), audio_codec=None)
    with av.open(str(plain)) as source, av.open(str(target), "w") as container:
        video = container.add_stream_from_template(source.streams.video[0], opaque=True)
        for one in attachments:
            container.add_attachment(*one)
        for packet in source.demux():
            if packet.size:
                packet.stream = video
                container.mux(packet)
    plain.unlink()
    return target


def attached(path: Path) -> list[tuple[str, bytes]]:
    """The attachments of a file that are no cover art to FFmpeg."""
    with av.open(str(path)) as container:
        streams: Any = container.streams
        return [(one.name, one.data) for one in streams if one.type == "attachment"]


def picture(image: Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(image[..., ::-1])).save(buffer, kind, **options)
    return buffer.getvalue()


def test_fonts_are_copied_without_what_follows_them(face: Image, tmp_path: Path) -> None:
    hidden = font() + picture(face, "JPEG")
    source = with_attachments(
        tmp_path / "in.mkv", face, ("a.ttf", "font/ttf", font()), ("b.ttf", "application/octet-stream", hidden)
    )
    assert copy(source, tmp_path / "out.mkv") == []
    assert attached(tmp_path / "out.mkv") == [("a.ttf", font()), ("b.ttf", font())]


def test_fonts_that_hold_pictures_are_none(face: Image) -> None:
    """Tables of coloured glyphs hold PNGs, JPEGs or SVGs, and tables of unknown names anything."""
    small = picture(cv2.resize(face, (96, 96)), "JPEG")
    for content in (small, picture(face, "PNG"), base64.b64encode(small)):
        assert font_of(with_table(font(), content)) is None
    assert font_of(with_table(font(), bytes(600))) == with_table(font(), bytes(600))


def with_table(plain: bytes, content: bytes) -> bytes:
    """A font with one table more, the last one."""
    tables = int.from_bytes(plain[4:6])
    end = 12 + 16 * tables
    entries = bytearray(plain[12:end])
    for entry in range(0, len(entries), 16):  # the offsets count from the file's beginning
        entries[entry + 8 : entry + 12] = (int.from_bytes(entries[entry + 8 : entry + 12]) + 16).to_bytes(4)
    body = plain[end:] + bytes(-len(plain) % 4)
    more = b"zzzz" + bytes(4) + (end + 16 + len(body)).to_bytes(4) + len(content).to_bytes(4)
    return (
        plain[:4] + (tables + 1).to_bytes(2) + plain[6:12] + entries + more + body + content + bytes(-len(content) % 4)
    )


def test_no_picture_in_the_colour_profile_of_cover_art(face: Image, tmp_path: Path) -> None:
    small = picture(cv2.resize(face, (96, 96)), "JPEG")
    profile = bytes(36) + b"acsp" + bytes(92) + small
    profile = len(profile).to_bytes(4) + profile[4:]
    covers = [
        (f"a.{kind.lower()}", f"image/{kind.lower()}", picture(face, kind, icc_profile=profile))
        for kind in ("JPEG", "PNG")
    ]
    left_out = copy(with_attachments(tmp_path / "in.mkv", face, *covers), tmp_path / "out.mkv")
    assert [one.partition("cover art: ")[2] for one in left_out] == [
        "side data of the type ICC_PROFILE with a picture in it"
    ] * 2, left_out
    assert small[30:60] in (tmp_path / "in.mkv").read_bytes()
    found = unsearched_parts(tmp_path / "in.mkv", keep_location=False)
    assert sum("a picture in the colour profile of" in one.text for one in found) == 2
    assert unsearched_parts(tmp_path / "out.mkv", keep_location=False) == []
    with av.open(str(tmp_path / "out.mkv")) as container:
        for stream in container.streams.video[1:]:
            image = next(bytes(packet) for packet in container.demux(stream) if packet.size)
            assert "icc_profile" not in Pillow.open(io.BytesIO(image)).info
            container.seek(0)


def test_collections_and_woff() -> None:
    plain = font()
    moved = bytearray(plain)
    for entry in range(12, 12 + 16 * int.from_bytes(plain[4:6]), 16):  # the offsets of tables count from the file
        moved[entry + 8 : entry + 12] = (int.from_bytes(plain[entry + 8 : entry + 12]) + 16).to_bytes(4)
    collection = b"ttcf\0\1\0\0" + (1).to_bytes(4) + (16).to_bytes(4) + bytes(moved)
    assert font_of(collection + b"more") == collection
    woff = b"wOF2\0\1\0\0" + (60).to_bytes(4) + bytes(48)
    assert font_of(woff + b"more") == woff
    for damaged in (b"", b"\0\1\0\0", b"\0\1\0\0\0\0", b"\0\1\0\0\0\1" + bytes(6), b"ttcf", woff[:50]):
        assert font_of(damaged) is None


@pytest.mark.parametrize(
    ("name", "mimetype", "kind", "written"),
    [
        ("cover.jpg", "image/jpg", "JPEG", "jpg"),
        ("a.bin", "application/octet-stream", "JPEG", "jpg"),
        ("font.ttf", "font/ttf", "PNG", "png"),
        ("shot.webp", "image/webp", "WEBP", "png"),
        ("shot.bmp", "image/x-ms-bmp", "BMP", "png"),
        ("shot.tif", "application/x-tiff", "TIFF", "png"),
        ("shot.gif", "application/octet-stream", "GIF", "png"),
    ],
)
def test_pictures_are_redacted_whatever_they_are_called(
    name: str, mimetype: str, kind: str, written: str, face: Image, function_url: str, tmp_path: Path
) -> None:
    source = with_attachments(tmp_path / "in.mkv", face, (name, mimetype, picture(face[:400], kind)))
    result = invoke("run", source, "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and ("left out" in result.output) == (kind == "TIFF"), (
        result.output
    )  # its tags, as EXIF
    target = tmp_path / "out" / "in.mkv"
    assert attached(target) == []  # FFmpeg reads it as cover art
    with av.open(str(target)) as container:
        art = container.streams.video[1]
        assert {"jpg": "mjpeg", "png": "png"}[written] == art.codec_context.name
        shown = next(container.decode(art)).to_ndarray(format="bgr24")
    assert shown.shape == face[:400].shape
    box = np.s_[80:190, 180:270]
    assert detail_left(face[:400][box], shown[box]) < 0.3
    assert np.abs(shown[250:].astype(int) - face[250:400]).mean() < 12
    if kind in ("JPEG", "WEBP"):
        audit = invoke("audit", source, target, "--function", function_url)
        assert audit.exit_code == 0, audit.output


def test_what_is_neither_is_left_out_and_named(face: Image, tmp_path: Path) -> None:
    video = write_clip(tmp_path / "other.mp4", pan(face, (160, 120), 5)).read_bytes()
    frames = [Pillow.fromarray(np.ascontiguousarray(one[..., ::-1])) for one in pan(face, (160, 120), 5)]
    moving = io.BytesIO()
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:])
    files = {
        "other.mp4": video,
        "a.svg": b"<svg><image href='data:image/jpeg;base64,/9j/'/></svg>",
        "note.txt": b"GPS (8.5417, 47.3769, 19)",
        "moving.bin": moving.getvalue(),
        "cut.bin": picture(face, "JPEG")[:30],
    }
    more = (
        "moving.gif",
        "image/gif",
        moving.getvalue(),
    )  # FFmpeg takes it for cover art, and shows its first frame only
    source = with_attachments(
        tmp_path / "in.mkv",
        face,
        *((name, "application/octet-stream", content) for name, content in files.items()),
        more,
    )
    left_out = copy(source, tmp_path / "out.mkv")
    assert len(left_out) == len(files) + 1 and all(
        any(name in line for line in left_out) for name in ("other.mp4", "a.svg", "note.txt")
    )
    assert attached(tmp_path / "out.mkv") == []
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert len(container.streams) == 1
    assert not any(content[:64] in (tmp_path / "out.mkv").read_bytes() for content in files.values())


def test_exif_of_images_is_not_written(face: Image, tmp_path: Path) -> None:
    """FFmpeg's encoder of PNG writes the EXIF that it got with a frame."""
    exif = Pillow.Exif()
    exif[0x0110] = "a model"
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 0.0)}
    cover = picture(face, "PNG", exif=exif)
    source = with_attachments(tmp_path / "in.mkv", face, ("cover.png", "image/png", cover), ("b", "x/y", cover))
    copy(source, tmp_path / "out.mkv")
    assert source.read_bytes().count(b"a model") == 2 and b"a model" not in (tmp_path / "out.mkv").read_bytes()
    clip = write_clip(tmp_path / "clip.mov", pan(face, (160, 120), 3), audio_codec=None)
    (tmp_path / "still.png").write_bytes(picture(cv2.resize(face, (160, 120)), "PNG", exif=exif))
    with (
        av.open(str(clip)) as one,
        av.open(str(tmp_path / "still.png")) as two,
        av.open(str(tmp_path / "png.mov"), "w") as container,
    ):
        streams = [container.add_stream_from_template(source.streams.video[0], opaque=True) for source in (one, two)]
        for source, stream in zip((one, two), streams, strict=True):
            for packet in source.demux():
                if packet.size:
                    packet.stream = stream
                    container.mux(packet)
    assert b"a model" in (tmp_path / "png.mov").read_bytes()
    copy(tmp_path / "png.mov", tmp_path / "copy.mov")
    assert b"a model" not in (tmp_path / "copy.mov").read_bytes()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("suffix", "kind"), [(".mkv", "JPEG"), (".mp4", "JPEG"), (".mkv", "PNG")])
def test_turned_pictures_are_written_upright(
    suffix: str, kind: str, orientation: int, face: Image, tmp_path: Path
) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    upright = cv2.resize(face[:400], (160, 120))
    stored = turned_back(upright, orientation)
    source = with_attachments(tmp_path / "in.mkv", face, ("a", "a/b", picture(stored, kind, exif=exif, quality=95)))
    target = tmp_path / f"out{suffix}"
    copy(source, target)
    with av.open(str(target)) as container:
        shown = next(container.decode(container.streams.video[1]))
        assert display_matrix(shown) is None and (shown.width, shown.height) == (160, 120)
        assert np.abs(shown.to_ndarray(format="bgr24").astype(int) - upright).mean() < 6
