"""Good files whose lengths promise nothing, or that hold what nobody knows: read without a word; cut, they are not."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from examples.sample_clip import Image
from faceblur.cli.app import main
from faceblur.media.ebml import read_element
from tests.support.awkward_kind import run_ffmpeg
from tests.support.reading import read
from tests.support.small_clips import FRAGMENTS, FRAMES, H264, MPEG2, MPEG4, make_clips, make_source, piped

NOISE = random.Random(1).randbytes(4000)
INSTA360 = b"8db42d694ccc418790edff439fe026bf"  # the end of its cameras' trailers
SEGMENT, CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
UNKNOWN_LENGTH = b"\x01" + b"\xff" * 7
PIPED = {
    "avi": f"{MPEG4} -f avi",
    "wmv": "-c:v wmv2 -q:v 4 -c:a wmav2 -f asf",
    "mkv": f"{H264} -f matroska",
    "webm": "-c:v libvpx -b:v 1M -c:a libvorbis -f webm",
    "flv": f"{H264} -f flv",
    "ogv": "-c:v libtheora -q:v 6 -c:a libvorbis -f ogg",
    "mp4": f"{H264} {FRAGMENTS} -f mp4",
    "ts": f"{H264} -f mpegts",
    "mpg": f"{MPEG2} -f vob",
    "mxf": "-c:v mpeg2video -q:v 4 -c:a pcm_s16le -ar 48000 -f mxf",
    "ivf": "-c:v libvpx -b:v 1M -an -f ivf",
}


def live(content: bytes) -> bytes:
    """A Matroska file as it is written live: neither the segment nor its first cluster has a length."""
    at = content.index(SEGMENT)
    _, begin, _ = read_element(content, at)
    content = content[: at + 4] + UNKNOWN_LENGTH + content[begin:]
    at = content.index(CLUSTER)
    _, begin, _ = read_element(content, at)
    return content[: at + 4] + UNKNOWN_LENGTH + content[begin:]


def with_element_in_segment(content: bytes) -> bytes:
    content = live(content)
    at = content.index(CLUSTER)
    return content[:at] + b"\x1a\xbc\xde\xf0\x88" + b"unknown!" + content[at:]


def with_element_in_cluster(content: bytes) -> bytes:
    content = live(content)
    at = content.index(CLUSTER) + 4 + len(UNKNOWN_LENGTH)
    return content[:at] + b"\x4d\xfe\x88" + b"unknown!" + content[at:]


def with_data_to_the_end(content: bytes) -> bytes:
    at = content.index(b"mdat") - 4
    return content[:at] + bytes(4) + content[at + 4 :]


def with_long_length(content: bytes) -> bytes:
    """The header of the data with a length of 64 bits takes the place of the empty box before it."""
    at = content.index(b"free") - 4
    (length,) = struct.unpack_from(">I", content, at + 8)
    return content[:at] + struct.pack(">I4sQ", 1, b"mdat", length + 8) + content[at + 16 :]


def with_unset_lengths(length: bytes) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        at = content.index(b"movi") - 4
        content = content[:4] + length + content[8:at] + length + content[at + 4 :]
        return content[: content.rindex(b"idx1")]

    return change


def with_zeros_before_a_packet(content: bytes) -> bytes:
    at = content.index(b"\0\0\1\xe0", len(content) // 2)
    return content[:at] + bytes(64) + content[at:]


def with_chunk_of_no_stream(content: bytes) -> bytes:
    """Lengths are unset, so that the chunk need not be counted in them."""
    content = with_unset_lengths(bytes(4))(content)
    at = content.index(b"movi") + 4
    return content[:at] + b"junq" + struct.pack("<I", 8) + b"unknown!" + content[at:]


FOLLOWED_BY_ZEROS = ["h264.mp4", "h264.mkv", "vp8.webm", "mpeg4.avi", "h264.ts", "mpeg2.mpg", "h264.flv"]
FOLLOWED_BY_ZEROS += ["theora.ogv", "wmv2.wmv", "mpeg2.mxf"]
ODD: list[tuple[str, str, Callable[[bytes], bytes]]] = [
    ("trailer.mp4", "h264.mp4", lambda content: content + struct.pack(">I", 1000) + NOISE + INSTA360),
    ("padding.mp4", "h264.mp4", lambda content: content + b"\xff" * 3000),
    ("noise.mov", "prores.mov", lambda content: content + NOISE),
    ("noise_after_fragments.mp4", "fragments.mp4", lambda content: content + NOISE),
    ("free.mp4", "h264.mp4", lambda content: content + struct.pack(">I4s", 100_000, b"free") + NOISE[:100]),
    ("no_index_of_fragments.mp4", "fragments.mp4", lambda content: content[: content.index(b"mfra") - 4]),
    ("to_the_end.mp4", "first.mp4", with_data_to_the_end),
    ("long_length.mp4", "h264.mp4", with_long_length),
    ("live.mkv", "h264.mkv", live),
    ("live_and_zeros.mkv", "h264.mkv", lambda content: live(content) + bytes(9999)),
    ("element_in_segment.mkv", "h264.mkv", with_element_in_segment),
    ("element_in_cluster.mkv", "h264.mkv", with_element_in_cluster),
    ("noise.webm", "vp8.webm", lambda content: content + NOISE),
    ("zero_lengths.avi", "mpeg4.avi", with_unset_lengths(bytes(4))),
    ("zeros.mpg", "mpeg2.mpg", with_zeros_before_a_packet),
    ("chunk_of_no_stream.avi", "mpeg4.avi", with_chunk_of_no_stream),
    ("endless_lengths.avi", "mpeg4.avi", with_unset_lengths(b"\xff" * 4)),
    *(
        (f"zeros_after_{name.replace('.', '_')}.{name.rpartition('.')[2]}", name, lambda content: content + bytes(5000))
        for name in FOLLOWED_BY_ZEROS
    ),
]
TURNED_OVER = {"wrap.ts": "mpegts", "wrap.mpg": "vob"}  # a clock of 33 bits at 90 kHz, which turns over at 95443.7 s
NAMES = [*(f"piped.{suffix}" for suffix in PIPED), *(name for name, _, _ in ODD), *TURNED_OVER]


@pytest.fixture(scope="module")
def folder(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    source = make_source(folder, face)
    make_clips(source, folder / "clips")
    odd = folder / "odd"
    odd.mkdir()
    for suffix, arguments in PIPED.items():
        (odd / f"piped.{suffix}").write_bytes(piped(source, arguments))
    for name, clip, change in ODD:
        (odd / name).write_bytes(change((folder / "clips" / clip).read_bytes()))
    for name, muxer in TURNED_OVER.items():
        arguments = f"-i {{clip}} -c copy -output_ts_offset 95443.2 -f {muxer} {{target}}"
        run_ffmpeg(arguments, clip=folder / "clips" / "mpeg2.ts", target=odd / name)
    return odd


@pytest.mark.parametrize("name", NAMES)
def test_read_without_a_word_and_not_when_cut(name: str, folder: Path, tmp_path: Path) -> None:
    reading = read(folder / name)
    assert (reading.damage, reading.left_out, reading.counts) == ("", (), (FRAMES,))
    content = (folder / name).read_bytes()
    cut = tmp_path / name
    cut.write_bytes(content[: int(len(content.rstrip(b"\0")) * 0.55) + 7])
    assert read(cut).damage


def test_a_run_needs_no_tolerance(folder: Path, function_url: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["run", str(folder), "-o", str(tmp_path / "out"), "--function", function_url])
    assert result.exit_code == 0, result.output
    assert f"{len(NAMES)} done" in result.output
