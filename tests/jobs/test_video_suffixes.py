"""What must be a video is a failure where it cannot be read; everything else is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.jobs.discovery import find_videos
from faceblur.jobs.video_suffixes import must_be_video
from faceblur.media.signatures import looks_like_video
from tests.jobs.trees import invoke
from tests.support.awkward_kind import run_ffmpeg

# How a clip is written, by the suffix of its container.
CONTAINERS = {
    ".mp4": "-c:v libx264",
    ".m4s": "-c:v libx264 -f mp4 -movflags frag_keyframe+empty_moov+dash",
    ".mkv": "-c:v libx264",
    ".avi": "-c:v mpeg4",
    ".wmv": "-c:v wmv2 -c:a wmav2",
    ".flv": "-c:v flv1 -ar 44100",
    ".mpg": "-c:v mpeg2video",
    ".ts": "-c:v libx264",
    ".m2ts": "-c:v libx264",
    ".ogv": "-c:v libtheora -c:a libvorbis",
    ".mxf": "-c:v mpeg2video -ar 48000",
    ".nut": "-c:v mpeg4",
    ".rm": "-c:v rv20 -an",
    ".gxf": "-c:v mpeg2video -s 720x576 -an",
    ".wtv": "-c:v mpeg2video",
    ".dv": "-c:v dvvideo -s 720x576 -pix_fmt yuv420p -ar 48000",
    ".y4m": "-an -pix_fmt yuv420p",
    ".ivf": "-c:v libvpx -an",
    ".h264": "-c:v libx264 -an",
    ".h265": "-c:v libx265 -an -x265-params log-level=error",
    ".m2v": "-c:v mpeg2video -an",
    ".m4v": "-c:v mpeg4 -an -f m4v",
    ".obu": "-c:v libaom-av1 -cpu-used 8 -an",
    ".drc": "-c:v vc2 -strict -1 -an -f rawvideo",
}
NO_VIDEOS = {
    "app.ts": b"export const answer: number = 42;\n",
    "module.mts": "export const größe = 1;\n".encode(),
    "utf16.ts": "export {}\n".encode("utf-16"),
    "genome.fa": b"ACGTGGGGGGGGGCA\n" * 1000,
    "random.bin": bytes((index * index * 7919 >> 3) % 256 for index in range(5000)),
    "zeros.dat": bytes(5000),
    "photo.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "raw.cr3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "song.m4a": b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42",
    "icon.ico": b"\0\0\1\0\1\0\x20\x20\0\0\1\0\x20\0",
    "._clip.mp4": b"\0\5\x16\7\0\2\0\0Mac OS X",
    "list.m3u8": b"#EXTM3U\nsegment.ts\n",
    "empty.txt": b"",
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, face: Image) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    source = write_clip(folder / "source.mkv", pan(face, (160, 120), 6), video_codec="ffv1", audio_codec="pcm_s16le")
    for suffix, arguments in CONTAINERS.items():
        run_ffmpeg(f"-i {{source}} {arguments} {{target}}", source=source, target=folder / f"clip{suffix}")
    return folder


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_half_a_video_is_one_by_its_bytes(clips: Path, suffix: str, tmp_path: Path) -> None:
    content = (clips / f"clip{suffix}").read_bytes()
    half = tmp_path / "half.unknown"
    half.write_bytes(content[: len(content) // 2])
    assert looks_like_video(half) and must_be_video(half)
    assert must_be_video(clips / f"clip{suffix}")


@pytest.mark.parametrize("suffix", [".insv", ".360", ".dav", ".m4s", ".lrv", ".part", ""])
def test_cut_video_is_a_failure_whatever_its_suffix(clip: Path, tmp_path: Path, suffix: str) -> None:
    (tmp_path / "in").mkdir()
    cut = tmp_path / "in" / f"cut{suffix}"
    cut.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    result = invoke("run", tmp_path / "in", "-o", tmp_path / "out")
    assert result.exit_code == 1 and f"error: {cut}: not a video that can be read" in result.output


def test_what_is_no_video_is_left_alone(clips: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, content in NO_VIDEOS.items():
        (folder / name).write_bytes(content)
    run_ffmpeg("-i {clip} -vn -c copy {target}", clip=clips / "source.mkv", target=folder / "sound.mka")
    run_ffmpeg("-i {clip} -vn -c:a libvorbis {target}", clip=clips / "source.mkv", target=folder / "sound.oga")
    run_ffmpeg("-i {clip} -vn -c:a aac -f mp4 {target}", clip=clips / "source.mkv", target=folder / "sound.unknown")
    found = find_videos([folder], tmp_path / "out")
    assert {path.name for path in found.others} == {path.name for path in folder.iterdir()}
    assert not found.broken and not found.files


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.insv", b""),
        ("empty.360", b""),
        ("zeros.mp4", bytes(999)),
        ("noise.ts", b"\x80\0\xff" * 99),
        ("text.mkv", b"no video\n"),
        ("text.insv", b"no video\n"),
    ],
)
def test_a_videos_suffix_without_a_video_is_a_failure(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    found = find_videos([tmp_path], tmp_path.with_name("out"))
    assert [path.name for path, _ in found.broken] == [name]
