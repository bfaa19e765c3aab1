"""Damaged files, at random and where it hurts: no frame is missing without a word."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from examples.sample_clip import Image
from faceblur.media.ebml import read_element
from tests.support.awkward_kind import run_ffmpeg
from tests.support.reading import Reading, read
from tests.support.small_clips import CLIPS, FRAMES, make_clips, make_source

DAMAGED_FILES = 8  # of each clip
CLUSTER, SIMPLE_BLOCK = b"\x1f\x43\xb6\x75", 0xA3
Change = Callable[[bytearray], bytes | bytearray]


@pytest.fixture(scope="module")
def folder(face: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    make_clips(make_source(folder, face), folder / "clips")
    return folder


def flip(content: bytearray, source: random.Random) -> bytearray:
    for _ in range(source.choice((1, 4, 16))):
        content[source.randrange(200, len(content))] ^= 1 << source.randrange(8)
    return content


def clear(content: bytearray, source: random.Random) -> bytearray:
    at, length = source.randrange(200, len(content)), source.choice((20, 200, 4000))
    content[at : at + length] = bytes(len(content[at : at + length]))
    return content


def cut_out(content: bytearray, source: random.Random) -> bytearray:
    at = source.randrange(200, len(content))
    del content[at : at + source.choice((1, 188, 3000))]
    return content


def double(content: bytearray, source: random.Random) -> bytearray:
    at, length = source.randrange(200, len(content)), source.choice((188, 3000))
    return content[: at + length] + content[at:]


@pytest.mark.parametrize("name", CLIPS)
def test_no_frame_is_missing_without_a_word(name: str, folder: Path, tmp_path: Path) -> None:
    whole, content = read(folder / "clips" / name), (folder / "clips" / name).read_bytes()
    assert (whole.damage, whole.left_out, whole.counts) == ("", (), (FRAMES,))
    for seed in range(DAMAGED_FILES):
        source = random.Random(f"{name} {seed}")
        change = (flip, clear, cut_out, double)[seed % 4]
        damaged = tmp_path / f"{change.__name__}_{seed}_{name}"
        damaged.write_bytes(change(bytearray(content), source))
        assert not read(damaged).lacks_silently(whole), damaged.name


def blocks(content: bytes) -> list[tuple[int, int]]:
    """Where the video's simple blocks of a Matroska file's first cluster begin, and where their content does."""
    _, at, length = read_element(content, content.index(CLUSTER))
    found, stop = [], at + (length or 0)
    while at < stop:
        identity, begin, length = read_element(content, at)
        if identity == SIMPLE_BLOCK and content[begin] == 0x81:
            found.append((at, begin))
        at = begin + (length or 0)
    return found


def tags(content: bytes) -> list[int]:
    """Where the video's tags of an FLV file begin."""
    found, at = [], 13
    while at + 11 < len(content):
        if content[at] == 9:
            found.append(at)
        at += 15 + int.from_bytes(content[at + 1 : at + 4])
    return found


def changed(where: Callable[[bytes], int], value: int) -> Change:
    """A change of the byte at a place by these bits."""

    def change(content: bytearray) -> bytearray:
        content[where(bytes(content))] ^= value
        return content

    return change


def without_packets(content: bytearray) -> bytearray:
    """Sixteen packets of the video, after which the next one has the number that it should have."""
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    video = [index for index, one in enumerate(packets) if (one[1] & 0x1F, one[2]) == (1, 0)]
    gone = set(video[20:35])
    return bytearray().join(one for index, one in enumerate(packets) if index not in gone)


def nth(content: bytes, what: bytes, count: int) -> int:
    at = -1
    for _ in range(count):
        at = content.index(what, at + 1)
    return at


WHERE_IT_HURTS: dict[str, tuple[str, Change]] = {
    "a block's track": ("h264.mkv", changed(lambda content: blocks(content)[5][1], 0x04)),
    "a block's identity": ("h264.mkv", changed(lambda content: blocks(content)[5][0], 0x08)),
    "a cluster's identity": ("vp8.webm", changed(lambda content: content.rindex(CLUSTER), 0x01)),
    "a fragment's type": ("fragments.mp4", changed(lambda content: content.rindex(b"moof"), 0x20)),
    "the type of a fragment's run": ("fragments.mp4", changed(lambda content: content.index(b"trun"), 0x20)),
    "the type of a run's table": ("fragments.mp4", changed(lambda content: content.rindex(b"traf"), 0x20)),
    "the number of frames": ("h264.mp4", changed(lambda content: content.index(b"stsz") + 15, 0x08)),
    "the frames of a chunk": ("h264.mp4", changed(lambda content: content.index(b"stsc") + 15, 0x02)),
    "a chunk's name": ("mpeg4.avi", changed(lambda content: nth(content, b"00dc", 5), 0x02)),
    "a tag's type": ("h264.flv", changed(lambda content: tags(content)[5], 0x02)),
    "a page's content": ("theora.ogv", changed(lambda content: content.rindex(b"OggS") - 40, 0x01)),
    "the header of a PES packet": ("h264.ts", changed(lambda content: nth(content, b"\0\0\1\xe0", 5) + 8, 0x40)),
    "the identity of a PES packet": ("mpeg2.ts", changed(lambda content: nth(content, b"\0\0\1\xe0", 5) + 3, 0x10)),
    "packets": ("h264.ts", without_packets),
    "a start code": ("mpeg2.mpg", changed(lambda content: nth(content, b"\0\0\1\xe0", 5) + 2, 0x10)),
    "an item's key": ("mpeg2.mxf", changed(lambda content: content.rindex(b"\x06\x0e\x2b\x34\x01"), 0x01)),
    "a frame's length": ("vp8.ivf", changed(lambda content: 32 + 12 + int.from_bytes(content[32:36], "little"), 0x01)),
}


@pytest.mark.parametrize("where", WHERE_IT_HURTS)
def test_damage_where_it_hurts_is_found(where: str, folder: Path, tmp_path: Path) -> None:
    name, change = WHERE_IT_HURTS[where]
    damaged = tmp_path / name
    damaged.write_bytes(change(bytearray((folder / "clips" / name).read_bytes())))
    assert "--tolerate-damage" in read(damaged).damage


@pytest.mark.parametrize(
    ("name", "arguments", "cut_bytes"),
    [
        ("cut.mjpeg", "-c:v mjpeg -pix_fmt yuvj420p -an", 300),
        ("cut.avi", "-c:v mjpeg -pix_fmt yuvj420p -an", 300),
        ("cut.mov", "-c:v prores_ks -an -movflags +faststart", 300),
        ("cut.mkv", "-c:v ffv1 -level 3 -slicecrc 1 -an", 300),
        ("huffyuv.avi", "-c:v huffyuv -pix_fmt yuv422p -an", 300),
        ("png.mov", "-c:v png -an -movflags +faststart", 300),
        ("cut.y4m", "-pix_fmt yuv420p -an", 300),
    ],
)
def test_a_last_picture_that_is_cut_is_found(
    name: str, arguments: str, cut_bytes: int, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / name
    run_ffmpeg(f"-i {{source}} {arguments} {{target}}", source=folder / "source.mkv", target=path)
    whole = read(path)
    assert not whole.damage and whole.counts == (FRAMES,)
    path.write_bytes(path.read_bytes()[:-cut_bytes])
    assert read(path).damage


def test_a_picture_that_was_changed_is_found_by_its_check_sum(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "sums.mkv"
    arguments = "-c:v ffv1 -level 3 -slicecrc 1 -slices 4 -an"
    run_ffmpeg(f"-i {{source}} {arguments} {{target}}", source=folder / "source.mkv", target=path)
    content = bytearray(path.read_bytes())
    content[len(content) * 2 // 3] ^= 0x10
    path.write_bytes(content)
    assert "a picture is not complete" in read(path).damage


def test_frames_that_an_edit_list_hides_are_named(folder: Path, tmp_path: Path) -> None:
    """As of a phone's video that was trimmed: most of what is hidden, FFmpeg does not even read."""
    content = bytearray((folder / "clips" / "h264.mp4").read_bytes())
    entry = content.index(b"elst") + 12
    content[entry : entry + 4] = (200).to_bytes(4)  # milliseconds
    content[entry + 4 : entry + 8] = (int.from_bytes(content[entry + 4 : entry + 8]) + 512 * 9).to_bytes(4)
    path = tmp_path / "trimmed.mp4"
    path.write_bytes(content)
    reading: Reading = read(path)
    shown = reading.counts[0]
    assert not reading.damage and 0 < shown < FRAMES
    assert reading.left_out == (f"stream 0 (video, h264): {FRAMES - shown} frames that its edit list hides",)
