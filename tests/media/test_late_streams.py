"""Streams that begin late, or never: copied where FFmpeg finds them in time, else named."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from faceblur.media.opening import open_input
from tests.support import clips as media
from tests.support.awkward_kind import run_ffmpeg
from tests.support.copies import copy

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg") and not os.environ.get("CI"), reason="no ffmpeg")
# More than the 5 MB in which FFmpeg looks for streams by itself, in 12 s.
NOISE = "-f lavfi -i testsrc=d=14:s=192x144:r=25,noise=alls=80:allf=t"
VIDEO = "-c:v mpeg2video -qscale:v 1 -g 25 -bf 0 -threads 1"
LATE = "-f lavfi -i sine=d=2 -filter_complex [1]asetpts=PTS+12/TB[a] -map 0:v -map [a]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("late")
    run_ffmpeg(f"{NOISE} {VIDEO} {{target}}", target=folder / "noise.mkv")
    return folder


def make(folder: Path, name: str, audio: str, options: str = "") -> Path:
    video = "-c:v flv -qscale:v 1 -threads 1" if name.endswith("flv") else "-c:v copy"
    source, target = folder / "noise.mkv", folder / name
    run_ffmpeg(f"-i {{source}} {LATE} {video} -c:a {audio} {options} {{target}}", source=source, target=target)
    assert target.stat().st_size > 6_000_000
    return target


def flv(content: bytes, change: Callable[[list[bytes]], list[bytes]], flags: int) -> bytes:
    """An FLV file with other tags and another announcement of its streams."""
    tags, at = [], 13
    while at + 11 <= len(content):
        length = 11 + int.from_bytes(content[at + 1 : at + 4])
        tags.append(content[at : at + length])
        at += length + 4
    written = b"".join(tag + len(tag).to_bytes(4) for tag in change(tags))
    return content[:4] + bytes([flags]) + content[5:9] + bytes(4) + written


def without_early_audio(tags: list[bytes]) -> list[bytes]:
    """Its audio's header comes with the first audio, as where a microphone is switched on later."""
    header = next(tag for tag in tags if tag[0] == 8)
    rest = [tag for tag in tags if tag is not header]
    first = next(index for index, tag in enumerate(rest) if tag[0] == 8)
    return [*rest[:first], header[:4] + rest[first][4:8] + header[8:], *rest[first:]]


def sound(path: Path) -> bytes:
    with open_input(path) as container:
        return b"".join(bytes(packet) for packet in container.demux(audio=0))


@pytest.mark.parametrize(("name", "audio"), [("a.ts", "aac"), ("b.ts", "ac3"), ("c.ts", "mp2"), ("d.vob", "mp2")])
def test_audio_that_begins_late_is_copied(folder: Path, tmp_path: Path, name: str, audio: str) -> None:
    source = make(folder, name, audio)
    assert copy(source, tmp_path / name) == []
    before, after = (sound(path) for path in (source, tmp_path / name))
    assert len(before) > 10_000 and after == before


@pytest.mark.parametrize("flags", [5, 1])
def test_late_audio_of_flv_is_copied_where_it_is_announced_else_named(folder: Path, tmp_path: Path, flags: int) -> None:
    source = make(folder, f"late_{flags}.flv", "aac")
    source.write_bytes(flv(source.read_bytes(), without_early_audio, flags))
    left_out = copy(source, tmp_path / "a.flv")
    assert len(media.frames(tmp_path / "a.flv")) == len(media.frames(folder / "noise.mkv"))
    if flags == 5:
        assert left_out == [] and len(media.packets(tmp_path / "a.flv")[0]) > 70
    else:
        assert left_out == ["streams that begin later than FFmpeg looks for them"]


@pytest.mark.parametrize("audio", ["aac", "mp2"])
def test_audio_that_is_announced_and_never_comes_is_named(folder: Path, tmp_path: Path, audio: str) -> None:
    source = make(folder, f"empty_{audio}.ts", audio)
    content = source.read_bytes()
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    source.write_bytes(b"".join(one for one in packets if one[1] & 31 != 1 or one[2] != 1))  # 0x101 is the audio
    left_out = copy(source, tmp_path / "a.ts")
    assert len(left_out) == 1 and "nothing of it is in the file's beginning" in left_out[0]
    assert len(media.frames(tmp_path / "a.ts")) == len(media.frames(source))


def test_a_second_programme_is_kept(folder: Path, tmp_path: Path) -> None:
    source = tmp_path / "two.ts"
    streams = "-f lavfi -i testsrc=d=1:s=64x48 -f lavfi -i sine=d=1"
    programmes = "-program title=one:st=0:st=1 -program title=two:st=2:st=3"
    maps = "-map 0 -map 1 -map 2 -map 3 -c:v mpeg2video -c:a mp2"
    run_ffmpeg(f"{streams} {streams} {maps} {programmes} {{source}}", source=source)
    assert copy(source, tmp_path / "out" / "two.ts") == []
    assert [len(one) for one in media.packets(tmp_path / "out" / "two.ts", "video")] == [25, 25]
    assert media.packets(tmp_path / "out" / "two.ts") == media.packets(source)
