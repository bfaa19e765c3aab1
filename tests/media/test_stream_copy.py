"""Which containers keep a stream that is copied: every codec of FFmpeg's encoders, against what really comes out."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import pytest

from faceblur.media.containers import MUXERS
from faceblur.media.pyav import codec_of
from faceblur.media.reader import VideoReader
from faceblur.media.stream_copy import add_copy, keeps
from tests.support.awkward_kind import run_ffmpeg
from tests.support.copies import copy

pytestmark = pytest.mark.skipif(not shutil.which("ffmpeg") and not os.environ.get("CI"), reason="no ffmpeg")
# FFmpeg's names of encoders, each with a container that it is read from and the rate and channels that it takes.
AUDIO = {
    "nut": (
        "aac ac3 adpcm_ima_wav adpcm_ms adpcm_yamaha dca flac libmp3lame libopus libvorbis mp2 "
        "pcm_alaw pcm_f32be pcm_f32le pcm_f64le pcm_mulaw pcm_s16be pcm_s16le pcm_s16le_planar pcm_s24be pcm_s24le "
        "pcm_s32le pcm_s64le pcm_s8 pcm_u16le pcm_u8 wmav1 wmav2"
    ),
    "mkv": "alac eac3 tta truehd wavpack",
    "mov": "adpcm_ima_qt",
    "ts": "s302m",
    "vob": "pcm_dvd",
    "m2ts": "pcm_bluray",
}
MONO = {"g722": "nut", "g726": "nut", "g723_1": "nut", "libgsm_ms": "nut", "libgsm": "mov", "libspeex": "nut"}
MONO |= {"nellymoser": "flv"}
SUBTITLES = {"ass": "mkv", "srt": "mkv", "webvtt": "mkv", "mov_text": "mp4", "ttml": "mp4"}
SAMPLES = [(name, ending, "-ar 48000 -ac 2") for ending, names in AUDIO.items() for name in names.split()]
SAMPLES += [(name, ending, "-ar 8000 -ac 1") for name, ending in MONO.items()]
SAME = [{"mp1", "mp2", "mp3"}, {"ac3", "eac3"}]  # told apart by their packets alone
OPTIONS = {
    "mp4": {"movie_timescale": "48000"},
    "mov": {"movie_timescale": "48000"},
    "mpegts": {"mpegts_m2ts_mode": "1"},
}
# Their packets get another header, or are split anew; TrueHD alone is not recognized, but beside a video it is.
REWRITTEN = {("aac.nut", "mpegts"), ("pcm_dvd.vob", "vob"), ("truehd.mkv", "mpegts")}
# In these a stream without a video one is not read back, or they want a video stream of their own.
NOT_ALONE = {"mxf", "dv"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("streams")


def comes_out(source: Path, muxer: str) -> bool:
    """Whether a file by this muxer has the same packets of the same codec at the same times."""
    target = io.BytesIO()
    with (
        av.open(str(source)) as given,
        av.open(target, "w", format=muxer, container_options=OPTIONS.get(muxer, {})) as container,
    ):
        stream: Any = next(one for one in given.streams if one.type != "video")
        codec, packets = codec_of(stream), []
        try:
            copied = add_copy(container, stream, muxer)
            for packet in given.demux(stream):
                if packet.size:
                    packets.append((bytes(packet), float(packet.pts * packet.time_base)))
                    packet.stream = copied
                    container.mux_one(packet)
            container.close()
        except (ValueError, av.error.FFmpegError):
            return False
    target.seek(0)
    try:
        with av.open(target) as written:
            found: Any = written.streams[0]
            again = [(bytes(one), float(one.pts * one.time_base)) for one in written.demux(found) if one.size]
            is_same = any({codec_of(found), codec} <= one for one in [*SAME, {codec}])
    except (ValueError, av.error.FFmpegError):
        return False
    if muxer in ("mp4", "mov", "3gp", "3g2") and len(again) == len(packets) - 1:
        packets.pop()  # the edit list ends before a last packet whose length the source does not say
    return is_same and are_same(packets, again)


def are_same(packets: Sequence[tuple[bytes, float]], again: Sequence[tuple[bytes, float]]) -> bool:
    """The same bytes at times that are one offset apart; MP4 and MPEG-PS split audio packets anew."""
    if b"".join(content for content, _ in packets) != b"".join(content for content, _ in again):
        return False
    if len(packets) != len(again):
        return True
    offset = again[0][1] - packets[0][1]
    return all(abs(new - old - offset) < 0.02 for (_, old), (_, new) in zip(packets, again, strict=True))


@pytest.mark.parametrize(("encoder", "ending", "options"), SAMPLES, ids=[name for name, _, _ in SAMPLES])
def test_audio_is_kept_where_it_comes_out_again(encoder: str, ending: str, options: str, folder: Path) -> None:
    source = folder / f"{encoder}.{ending}"
    run_ffmpeg(f"-f lavfi -i sine=d=1 {options} -c:a {encoder} -strict -2 {{source}}", source=source)
    check(source)


@pytest.mark.parametrize(("encoder", "ending"), SUBTITLES.items())
def test_subtitles_are_kept_where_they_come_out_again(encoder: str, ending: str, folder: Path) -> None:
    lines, source = folder / "lines.srt", folder / f"subtitles_{encoder}.{ending}"
    lines.write_text("1\n00:00:00,100 --> 00:00:00,300\na line\n")
    run_ffmpeg(f"-i {{lines}} -c:s {encoder} {{source}}", lines=lines, source=source)
    check(source)


def check(source: Path) -> None:
    with av.open(str(source)) as container:
        stream = container.streams[0]
        kept = {muxer for muxer in sorted(set(MUXERS.values())) if keeps(muxer, stream)}
    asked = {muxer for muxer in kept - NOT_ALONE if (source.name, muxer) not in REWRITTEN}
    wrong = {muxer for muxer in asked if not comes_out(source, muxer)}
    assert not wrong, f"{source.name} is not the same again in {wrong}"
    assert kept or source.stem in NOWHERE


# FFmpeg writes these into none of the containers, or reads them back from none.
NOWHERE = {"pcm_s16le_planar", "pcm_u16le"}


@pytest.mark.parametrize(
    ("encoder", "name", "options"),
    [
        ("adpcm_ms", "a.avi", "-ac 1"),
        ("adpcm_ima_wav", "a.avi", "-ac 1"),
        ("wmav2", "a.avi", "-ac 2"),
        ("libgsm_ms", "a.avi", "-ac 1 -ar 8000"),
        ("pcm_alaw", "a.avi", "-ac 2"),
        ("pcm_f32be", "a.nut", "-ac 2"),
        ("pcm_s24le", "a.mxf", "-ac 2 -ar 48000"),
        ("pcm_s16be", "a.mp4", "-ac 2 -f mov"),
    ],
)
def test_audio_of_a_video_is_kept_in_some_container(encoder: str, name: str, options: str, tmp_path: Path) -> None:
    video = "-f lavfi -i testsrc=d=1:s=160x120 -f lavfi -i sine=d=1 -pix_fmt yuv420p"
    run_ffmpeg(f"{video} -c:a {encoder} {options} {{source}}", source=tmp_path / name)
    if name == "a.mp4":  # as cameras write it: without a channel layout, which MP4 wants for PCM
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes().replace(b"chan", b"free"))
    with VideoReader(tmp_path / name) as reader:
        target = tmp_path / "out" / reader.output_name()
    assert copy(tmp_path / name, target) == []
    before, after = (audio_of(path) for path in (tmp_path / name, target))
    assert before and after == before


def audio_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]
