"""What an image file holds besides its pixels is named: the video of a motion photo, thumbnails, unknown parts."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from examples.sample_clip import Image, pan, write_clip
from faceblur.media.images.carried_parts import carried_parts
from faceblur.media.images.image_reader import read_image
from tests.support.images import PROFILE, invoke


def picture(face: Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(face[:400, :, ::-1])).save(buffer, kind, **options)
    return buffer.getvalue()


def segment(number: int, body: bytes) -> bytes:
    return b"\xff" + bytes([0xE0 + number]) + struct.pack(">H", len(body) + 2) + body


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    return jpeg[:2] + b"".join(segments) + jpeg[2:]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def with_webp_chunk(webp: bytes, extra: bytes) -> bytes:
    return webp[:4] + struct.pack("<I", len(webp) - 8 + len(extra)) + webp[8:] + extra


def left_out(path: Path, content: bytes) -> list[str]:
    path.write_bytes(content)
    return read_image(path).left_out


@pytest.fixture(scope="module")
def video(face: Image, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("motion") / "motion.mp4", pan(face, (160, 120), 10)).read_bytes()


def test_a_motion_photo(face: Image, video: bytes, function_url: str, tmp_path: Path) -> None:
    source = tmp_path / "MVIMG_1.jpg"
    source.write_bytes(picture(face, "JPEG", quality=90) + video + b"\0\0\0\0SEFT")
    result = invoke("image", source, "-o", tmp_path / "out", "--function", function_url)
    assert result.exit_code == 0 and "left out: the video of a motion photo" in " ".join(result.output.split())
    assert b"ftyp" not in (tmp_path / "out" / source.name).read_bytes()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF"])
def test_a_video_behind_any_image(kind: str, face: Image, video: bytes, tmp_path: Path) -> None:
    path, plain = tmp_path / "image", picture(face, kind)
    assert left_out(path, plain) == []
    assert len(left_out(path, plain + video)) == 1 and "video" in left_out(path, plain + video)[0]
    if kind != "TIFF":
        assert left_out(path, plain + b"secret") == ["6 bytes after the image"]
        assert left_out(path, plain + bytes(64)) == []
        assert left_out(path, plain + picture(face, "JPEG")) == ["a further image"]


def test_a_video_behind_two_images_of_an_mpo(face: Image, video: bytes, tmp_path: Path) -> None:
    first, buffer = Pillow.fromarray(np.ascontiguousarray(face[..., ::-1])), io.BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=[first.rotate(1)])
    further = "1 further image(s) of the MPO"
    assert left_out(tmp_path / "a.jpg", buffer.getvalue()) == [further]
    assert left_out(tmp_path / "a.jpg", buffer.getvalue() + video) == [further, "the video of a motion photo"]


def test_segments_of_a_jpeg(face: Image, tmp_path: Path) -> None:
    plain = picture(face, "JPEG", icc_profile=PROFILE, progressive=True, dpi=(300, 300))
    assert left_out(tmp_path / "a.jpg", plain) == []
    unknown = with_segments(
        plain,
        segment(0, b"JFXX\0\x10"),
        segment(2, b"FPXR\0"),
        segment(4, b"a"),
        segment(11, b"JP\0\1"),
        segment(11, b"JP"),
    )
    assert left_out(tmp_path / "a.jpg", unknown) == [
        "a thumbnail",
        "FlashPix data",
        "data of the segment APP4",
        "C2PA or other data of JUMBF",
    ]
    at = plain.index(b"JFIF") + 12
    small = plain[: at - 14] + struct.pack(">H", 16 + 3) + plain[at - 12 : at] + b"\1\1\0\0\0" + plain[at + 2 :]
    assert left_out(tmp_path / "a.jpg", small) == ["a thumbnail"]


def test_chunks_of_png_and_webp(face: Image, tmp_path: Path) -> None:
    png = picture(face, "PNG", icc_profile=PROFILE, dpi=(300, 300))
    assert left_out(tmp_path / "a.png", png) == []
    unknown = png[:33] + chunk(b"tIME", bytes(7)) + chunk(b"caBX", b"c2pa") + png[33:]
    assert left_out(tmp_path / "a.png", unknown) == ["the chunk tIME", "the chunk caBX"]
    webp = picture(face, "WEBP", icc_profile=PROFILE)
    assert left_out(tmp_path / "a.webp", webp) == []
    assert left_out(tmp_path / "a.webp", with_webp_chunk(webp, b"C2PA\4\0\0\0abcd")) == ["the chunk C2PA"]


def test_extensions_of_a_gif(face: Image, tmp_path: Path) -> None:
    frames = [Pillow.fromarray(one) for one in pan(face, (160, 120), 3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=40, loop=0)
    plain = buffer.getvalue()
    assert left_out(tmp_path / "a.gif", plain) == []
    comment = b"\x21\xfe\x06secret\0"
    assert left_out(tmp_path / "a.gif", plain[:-1] + comment + b"\x3b") == ["a comment"]
    first = plain.index(b"\x21\xf9")
    assert left_out(tmp_path / "a.gif", plain[:first] + comment + plain[first:]) == ["metadata (comment)"]
    extension = b"\x21\xff\x0bMGK8BIM0000\3abc\0" + b"\x21\x01\x0c" + bytes(12) + b"\1a\0"
    assert left_out(tmp_path / "a.gif", plain[:-1] + extension + b"\x3b") == [
        "data of the application MGK8BIM0000",
        "plain text",
    ]


def test_a_video_in_a_tiff(face: Image, video: bytes, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", face[..., ::-1], photometric="rgb", metadata=None, software=False)
    content = (tmp_path / "a.tif").read_bytes()
    assert left_out(tmp_path / "a.tif", content) == []
    assert left_out(tmp_path / "a.tif", content + video) == ["a video"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF"])
def test_a_cut_file_is_walked_as_far_as_it_goes(kind: str, face: Image) -> None:
    content = picture(face[:32, :32], kind)
    for length in range(len(content)):
        carried_parts(kind, content[:length])
