"""Reading and writing: broken files are named, odd ones kept, and nothing passes for whole that is not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.atomic_files import temporary_path
from faceblur.base.errors import MediaError, UsageError
from faceblur.media import metadata as tags
from faceblur.media.containers import output_name
from faceblur.media.video import (
    Encoding,
    Picture,
    VideoFrame,
    VideoReader,
    VideoWriter,
    check_encoder,
    choose_encoder,
    encodable_format,
    in_format,
)
from tests.support import clips as media


def copy(source: Path, target: Path, encoder: str | None = None) -> list[str]:
    """Write a video again; what was left out or changed."""
    with VideoReader(source) as reader, VideoWriter(target, reader, Encoding(encoder, crf=0)) as writer:
        for item in reader:
            if isinstance(item, Picture):
                item.frame = in_format(item.frame, writer.pix_fmts[item.stream])
            writer.write(item)
        writer.finish()
        return reader.left_out + writer.left_out


@pytest.mark.parametrize(
    ("suffix", "codec", "audio"),
    [(".mkv", "libx264", "aac"), (".webm", "libvpx-vp9", "libopus"), (".mp4", "libx264", "aac")],
)
def test_cut_file_is_never_whole(face: Image, tmp_path: Path, suffix: str, codec: str, audio: str) -> None:
    clip = write_clip(tmp_path / f"clip{suffix}", pan(face, (160, 120), 100), video_codec=codec, audio_codec=audio)
    content = clip.read_bytes()
    copy(clip, tmp_path / "out" / clip.name)
    for share in (0.3, 0.6):
        clip.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(MediaError, match=r"cut short|not a video that can be read|damaged"):
            copy(clip, tmp_path / "cut" / clip.name)
    assert not list((tmp_path / "cut").glob("*")) if (tmp_path / "cut").exists() else True


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".ts", ".mp4"])
def test_file_that_begins_late_is_whole(face: Image, tmp_path: Path, suffix: str) -> None:
    clip = write_clip(
        tmp_path / f"late{suffix}",
        pan(face, (160, 120), 50),
        pts=range(125, 175),
        time_base=Fraction(1, 25),
        video_codec="libvpx-vp9" if suffix == ".webm" else "libx264",
        audio_codec=None,
    )
    copy(clip, tmp_path / "out" / clip.name)
    assert media.times(tmp_path / "out" / clip.name) == media.times(clip)


def test_videos_of_two_lengths(face: Image, tmp_path: Path) -> None:
    clip = tmp_path / "two.mkv"
    with av.open(str(clip), "w") as container:
        streams = [container.add_stream("libx264", rate=25) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height = 160, 120
        for stream, pictures in zip(streams, (pan(face, (160, 120), 25), pan(face, (160, 120), 100)), strict=True):
            for picture in pictures:
                container.mux(stream.encode(VideoFrame.from_ndarray(picture, "bgr24")))
            container.mux(stream.encode(None))
    assert copy(clip, tmp_path / "out" / "two.mkv") == []
    with av.open(str(tmp_path / "out" / "two.mkv")) as container:
        streams = [frame.time_base and packet.stream.index for packet in container.demux() for frame in packet.decode()]
    assert [streams.count(index) for index in (0, 1)] == [25, 100]


def test_flipped_bytes_are_refused(face: Image, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pan(face, (320, 240), 50))
    content = bytearray(clip.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(255 - value for value in content[middle : middle + 3000])
    clip.write_bytes(content)
    with pytest.raises(MediaError, match="damaged"):
        copy(clip, tmp_path / "out.mp4")


def test_avi_with_dropped_frames_is_whole(face: Image, tmp_path: Path) -> None:
    pts = [*range(10), *range(31, 60)]
    clip = write_clip(
        tmp_path / "gaps.avi", pan(face, (160, 120), len(pts)), pts=pts, time_base=Fraction(1, 25), audio_codec=None
    )
    copy(clip, tmp_path / "out" / "gaps.avi")
    assert len(media.frames(tmp_path / "out" / "gaps.avi")) == len(pts)


@pytest.mark.parametrize(
    "name", ["T12:30:00.mp4", "x" * 251 + ".mp4", "-dash.mp4", "two\nlines.mp4", "100%d.mp4", "é ü.mp4"]
)
def test_names(face: Image, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = write_clip(tmp_path / "plain.mp4", pan(face, (64, 48), 3))
    (tmp_path / "in").mkdir()
    clip.rename(tmp_path / "in" / name)
    monkeypatch.chdir(tmp_path / "in")
    copy(Path(name), tmp_path / "out" / name)
    assert len(list((tmp_path / "out").iterdir())) == 1 and len(temporary_path(Path(name)).name) < 60


@pytest.mark.parametrize("size", [(161, 120), (160, 121), (35, 33)])
def test_odd_sizes_keep_their_size_and_say_what_changed(face: Image, tmp_path: Path, size: tuple[int, int]) -> None:
    clip = write_clip(tmp_path / "odd.mkv", pan(face, size, 5), video_codec="mpeg4", audio_codec=None)
    target = tmp_path / "out" / "odd.mkv"
    assert copy(clip, target) == []
    assert copy(clip, target, "libx264") == ["pixel format yuv420p: written as yuv444p"]
    assert media.frames(target)[0].shape == (size[1], size[0], 3)


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("yuv420p", "yuv420p"),
        ("yuv420p10le", "yuv420p10le"),
        ("yuv422p12le", "yuv422p10le"),
        ("yuyv422", "yuv422p"),
        ("nv12", "yuv420p"),
        ("gbrp", "yuv444p"),
        ("rgb24", "yuv444p"),
        ("gray", "gray"),
        ("yuva444p10le", "yuv444p10le"),
    ],
)
def test_pixel_format_that_loses_least(source: str, written: str) -> None:
    assert encodable_format(source, "libx264") == written


def test_gray_keeps_its_brightness(face: Image, tmp_path: Path) -> None:
    clip = write_clip(
        tmp_path / "gray.mkv", pan(face, (160, 120), 4), video_codec="ffv1", pix_fmt="gray", audio_codec=None
    )
    copy(clip, tmp_path / "out" / "gray.mkv")
    for before, after in zip(media.frames(clip), media.frames(tmp_path / "out" / "gray.mkv"), strict=True):
        assert np.abs(before.astype(int) - after).mean() < 1


@pytest.mark.parametrize(
    ("source", "video", "audio", "written"),
    [
        ("a.MP4", "hevc", "aac", "a.MP4"),
        ("a.flv", "flv1", "mp3", "a.flv"),
        ("a.flv", "vp6f", "mp3", "a.flv"),  # H.264 takes VP6's place
        ("a.flv", "h264", "pcm_s16le", "a.flv.mkv"),
        ("a.ogv", "theora", "vorbis", "a.ogv.mkv"),
        ("a.avi", "mpeg4", "mp3", "a.avi"),
        ("a.avi", "mpeg4", "pcm_s24le", "a.avi"),
        ("a.avi", "mpeg4", "ac3", "a.avi.mkv"),
        ("a.webm", "h264", "opus", "a.webm.mkv"),
    ],
)
def test_container_is_kept_where_it_holds_what_is_written(source: str, video: str, audio: str, written: str) -> None:
    assert output_name(Path(source), [video], [audio]) == written


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "muxer", "written"),
    [
        ("hevc", "yuv420p10le", "mp4", ("libx265", "yuv420p10le")),
        ("vp9", "yuv420p10le", "webm", ("libsvtav1", "yuv420p10le")),  # its encoder here has 8 bits
        ("prores", "yuva444p12le", "mov", ("prores_ks", "yuva444p10le")),  # what it decodes to, not what it holds
        ("h264", "gbrp", "matroska", ("libx264rgb", "bgr0")),
        ("theora", "yuv420p", "matroska", ("libx264", "yuv420p")),
        ("theora", "yuv420p", "webm", ("libvpx-vp9", "yuv420p")),
        ("vc1", "yuv420p", "mp4", ("libx264", "yuv420p")),
    ],
)
def test_encoder_is_of_the_sources_codec_unless_it_loses(
    codec: str, pix_fmt: str, muxer: str, written: tuple[str, str]
) -> None:
    assert choose_encoder(codec, pix_fmt, muxer, Encoding()) == written


def test_hardware_encoder_that_is_not_there_is_one_line() -> None:
    with pytest.raises(UsageError, match="--encoder h264_v4l2m2m: there is no such encoder on this machine"):
        check_encoder("h264_v4l2m2m")


@pytest.mark.parametrize("keep", [False, True])
def test_tags_of_places_and_devices(keep: bool) -> None:
    private = {"location": "+48+011/", "com.apple.quicktime.make": "X", "©xyz": "+48+011/", "GPS-Altitude": "3"}
    shared = {"title": "a title", "creation_time": "2020-01-01", "remodelling": "no model"}
    kept, dropped = tags.kept(private | shared | {"encoder": "Lavf"}, keep_location=keep)
    assert kept == (private | shared if keep else shared) and set(dropped) == (set() if keep else set(private))


def test_several_tracks_languages_chapters_and_title(face: Image, tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mkv", pan(face, (160, 120), 50))
    rich = tmp_path / "rich.mkv"
    with av.open(str(plain)) as source, av.open(str(rich), "w") as target:
        twins: dict[int, list[Any]] = {}
        for stream in source.streams:
            for language in ("eng", "deu") if stream.type == "audio" else ("und",):
                twin = target.add_stream_from_template(stream)
                twin.metadata["language"] = language
                twins.setdefault(stream.index, []).append(twin)
        target.metadata["title"] = "a title"
        chapter = {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}}
        target.set_chapters([chapter])
        for packet in source.demux():
            if packet.size:
                for twin in twins[packet.stream.index]:
                    again = av.Packet(bytes(packet))
                    again.pts, again.dts, again.time_base = packet.pts, packet.dts, packet.time_base
                    again.is_keyframe, again.stream = packet.is_keyframe, twin
                    target.mux(again)
    assert copy(rich, tmp_path / "out" / "rich.mkv") == []
    with av.open(str(tmp_path / "out" / "rich.mkv")) as output:
        assert [stream.language for stream in output.streams.audio] == ["eng", "deu"]
        assert output.metadata["title"] == "a title"
        assert [one["metadata"]["title"] for one in output.chapters()] == ["one"]
    assert media.packets(tmp_path / "out" / "rich.mkv") == media.packets(rich)


def test_audio_that_cannot_be_kept_fails_the_video(face: Image, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.avi", pan(face, (160, 120), 10), audio_codec="pcm_alaw")
    with pytest.raises(MediaError, match=r"pcm_alaw.* cannot be copied into matroska"):
        copy(clip, tmp_path / "out" / "clip.mkv")
    assert list((tmp_path / "out").iterdir()) == []


def test_process_survives_what_it_cannot_write(face: Image, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pan(face, (160, 120), 3))
    target = tmp_path / "out.mp4"
    with VideoReader(clip) as reader, VideoWriter(target, reader, Encoding(encoder="libx264")) as writer:
        writer.write(next(item for item in reader if isinstance(item, Picture)))
    assert not target.exists() and not temporary_path(target).exists()
