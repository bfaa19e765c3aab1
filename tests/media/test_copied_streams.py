"""Streams that are copied: all of them with their tags, or a line that says which is not."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.errors import MediaError
from faceblur.media.reader import VideoReader
from tests.support import clips as media
from tests.support.awkward_kind import run_ffmpeg
from tests.support.copies import copy


def test_several_tracks_languages_chapters_and_title(face: Image, tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mkv", pan(face, (160, 120), 50))
    rich = tmp_path / "rich.mkv"
    with av.open(str(plain)) as source, av.open(str(rich), "w") as target:
        copies: dict[int, list[Any]] = {}
        for stream in source.streams:
            for language in ("eng", "deu") if stream.type == "audio" else ("und",):
                copied = target.add_stream_from_template(stream)
                copied.metadata["language"] = language
                copies.setdefault(stream.index, []).append(copied)
        target.metadata["title"] = "a title"
        chapter = {"id": 1, "start": 0, "end": 1000, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}}
        target.set_chapters([chapter])
        for packet in source.demux():
            if packet.size:
                for copied in copies[packet.stream.index]:
                    again = av.Packet(bytes(packet))
                    again.pts, again.dts, again.time_base = packet.pts, packet.dts, packet.time_base
                    again.is_keyframe, again.stream = packet.is_keyframe, copied
                    target.mux(again)
    assert copy(rich, tmp_path / "out" / "rich.mkv") == []
    with av.open(str(tmp_path / "out" / "rich.mkv")) as output:
        assert [stream.language for stream in output.streams.audio] == ["eng", "deu"]
        assert output.metadata["title"] == "a title"
        assert [one["metadata"]["title"] for one in output.chapters()] == ["one"]
    assert media.packets(tmp_path / "out" / "rich.mkv") == media.packets(rich)


def test_telemetry_is_left_out_unless_it_is_asked_for(face: Image, tmp_path: Path) -> None:
    clip, plain = tmp_path / "drone.ts", write_clip(tmp_path / "plain.ts", pan(face, (160, 120), 5), audio_codec=None)
    with av.open(str(plain)) as source, av.open(str(clip), "w") as target:
        video, data = (
            target.add_stream_from_template(source.streams.video[0], opaque=True),
            target.add_data_stream("klv"),
        )
        for packet in source.demux():
            if packet.size:
                packet.stream = video
                location = av.Packet(b"48.8584 2.2945")
                location.pts = location.dts = packet.dts
                location.time_base, location.stream = packet.time_base, data
                target.mux([packet, location])
    left_out = copy(clip, tmp_path / "out" / "drone.ts")
    assert left_out == ["stream 1 (data, klv), which may hold a location: --keep-location copies it"]
    assert copy(clip, tmp_path / "kept" / "drone.ts", keep_location=True) == []
    kept = media.packets(tmp_path / "kept" / "drone.ts", "data")
    assert media.packets(tmp_path / "out" / "drone.ts", "data") == [] and kept == media.packets(clip, "data")


def test_audio_that_cannot_be_kept_fails_the_video(face: Image, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mov", pan(face, (160, 120), 10), audio_codec="pcm_s8")
    with pytest.raises(MediaError, match=r"pcm_s8.* cannot be copied into matroska"):
        copy(clip, tmp_path / "out" / "clip.mkv")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_text_tracks_that_hold_positions_are_left_out(suffix: str, face: Image, tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mkv", pan(face, (160, 120), 10), audio_codec=None)
    lines = [f"F/2.8, SS 206.14, GPS (8.541{n}, 47.3769, 19), D 24.26m" for n in range(9)]
    (tmp_path / "place.srt").write_text(
        "".join(
            f"{n + 1}\n00:00:00,{40 * n:03} --> 00:00:00,{40 * n + 40:03}\n{one}\n\n" for n, one in enumerate(lines)
        )
    )
    (tmp_path / "said.srt").write_text(
        "1\n00:00:00,000 --> 00:00:00,040\na line\n\n2\n00:00:00,080 --> 00:00:00,120\nWe are at 47.3769, 8.5417\n\n"
        "3\n00:00:00,200 --> 00:00:00,240\nthe last\n"
    )
    source = tmp_path / f"drone{suffix}"
    codec, name = ("mov_text", "mov_text") if suffix == ".mp4" else ("subrip", "srt")
    run_ffmpeg(
        f"-i {{plain}} -i {{place}} -i {{said}} -map 0 -map 1 -map 2 -c:v copy -c:s {codec} {{target}}",
        plain=plain,
        place=tmp_path / "place.srt",
        said=tmp_path / "said.srt",
        target=source,
    )
    left_out = copy(source, tmp_path / "out" / source.name)
    assert left_out == [
        f"stream 1 (subtitle, {name}), which may hold a location: --keep-location copies it",
        f"stream 2 (subtitle, {name}): 1 packet with a location or a picture",
    ]
    content = (tmp_path / "out" / source.name).read_bytes()
    assert b"8.54" not in content and b"47.37" not in content and b"a line" in content and b"the last" in content
    assert copy(source, tmp_path / "kept" / source.name, keep_location=True) == []
    assert b"GPS (8.541" in (tmp_path / "kept" / source.name).read_bytes()


JPEG = cv2.imencode(".jpg", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
# A JPEG that nothing but its own beginning gives away.
PICTURE = JPEG + b"a picture"


def id3(content: bytes) -> bytes:
    """A tag of ID3v2.4 with an attached picture."""
    frame = b"\0image/jpeg\0\3\0" + content

    def size(number: int) -> bytes:
        return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))

    return b"ID3\4\0\0" + size(10 + len(frame)) + b"APIC" + size(len(frame)) + b"\0\0" + frame


def test_tags_around_packets_and_pictures_in_them_are_not_copied(face: Image, tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mkv", pan(face, (160, 120), 10), audio_codec="libmp3lame")
    hidden, packets = tmp_path / "hidden.mkv", list[bytes]()
    with av.open(str(plain)) as source, av.open(str(hidden), "w") as target:
        streams = [target.add_stream_from_template(one, opaque=True) for one in source.streams]
        for packet in source.demux():
            content = bytes(packet)
            if packet.stream.type == "audio" and content:
                packets.append(content)
                number = len(packets)
                content = {1: id3(PICTURE) + content, 2: content + b"TAG" + bytes(125), 3: PICTURE}.get(number, content)
            if content:
                one = av.Packet(content)
                one.pts, one.dts, one.time_base = packet.pts, packet.dts, packet.time_base
                one.is_keyframe, one.stream = packet.is_keyframe, streams[packet.stream.index]
                target.mux(one)
    assert hidden.read_bytes().count(b"a picture") == 2
    left_out = copy(hidden, tmp_path / "out" / "hidden.mkv")
    assert left_out == ["stream 1 (audio, mp3float): 1 packet with a location or a picture"]
    assert b"a picture" not in (tmp_path / "out" / "hidden.mkv").read_bytes()
    with av.open(str(tmp_path / "out" / "hidden.mkv")) as output:
        written = [bytes(packet) for packet in output.demux(audio=0) if packet.size]
    assert written == [*packets[:2], *packets[4:]]  # FFmpeg joins the picture with the packet after it


def test_a_header_with_a_position_is_not_written_with_an_empty_track(face: Image, tmp_path: Path) -> None:
    plain = write_clip(tmp_path / "plain.mkv", pan(face, (160, 120), 10), audio_codec=None)
    (tmp_path / "a.vtt").write_text("WEBVTT\n\nNOTE GPS (8.5417, 47.3769, 19)\n\n00:00.000 --> 00:00.200\na line\n")
    source, named = tmp_path / "in.mkv", tmp_path / "named.mkv"
    run_ffmpeg("-i {a} -i {b} -map 0 -map 1 -c copy {c}", a=plain, b=tmp_path / "a.vtt", c=named)
    with av.open(str(named)) as one, av.open(str(source), "w") as two:
        streams: list[Any] = [two.add_stream_from_template(stream, opaque=True) for stream in one.streams]
        streams[1].codec_context.extradata = b"NOTE GPS (8.5417, 47.3769, 19)"
        for packet in one.demux():
            if packet.size:
                packet.stream = streams[packet.stream.index]
                two.mux(packet)
    assert b"47.3769" in source.read_bytes()
    left_out = copy(source, tmp_path / "out.mkv")
    assert len(left_out) == 1 and "webvtt" in left_out[0]
    assert b"47.3769" not in (tmp_path / "out.mkv").read_bytes()
    with av.open(str(tmp_path / "out.mkv")) as output:
        assert len(output.streams) == 1


def test_a_dvd_keeps_its_audio_and_names_its_navigation(tmp_path: Path) -> None:
    source = tmp_path / "dvd.vob"
    run_ffmpeg(f"{TONE} -target pal-dvd {{path}}", path=source)
    assert copy(source, tmp_path / "out" / "dvd.vob") == ["stream 0 (data, dvd_nav_packet): not copied into vob"]
    assert audio_of(tmp_path / "out" / "dvd.vob") == audio_of(source)


def test_audio_packets_of_one_time_are_put_one_after_the_other(tmp_path: Path) -> None:
    plain, source = tmp_path / "plain.mp4", tmp_path / "fragments.mp4"
    run_ffmpeg(f"{TONE} -c:v libx264 -c:a aac {{path}}", path=plain)
    run_ffmpeg(
        "-i {plain} -c copy -movflags frag_every_frame+empty_moov+default_base_moof {path}", plain=plain, path=source
    )
    assert len(set(times_of(source))) < len(times_of(source))
    (note,) = copy(source, tmp_path / "out" / "fragments.mp4")
    assert re.fullmatch(r"stream 1 \(audio, aac\): \d+ packets with the time of the one before, put after it", note)
    target = tmp_path / "out" / "fragments.mp4"
    assert audio_of(target) == audio_of(source)
    assert np.all(np.diff(times_of(target)) >= 1024)
    assert 0 <= times_of(target)[-1] - times_of(source)[-1] <= 2 * 1024
    # Matroska takes packets of one time, as units of a millisecond need it.
    assert copy(source, tmp_path / "out" / "fragments.mkv") == []


TONE = "-f lavfi -i testsrc=s=320x240:r=25:d=2 -f lavfi -i sine=d=2:r=48000 -pix_fmt yuv420p"


def audio_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def times_of(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [packet.dts for packet in container.demux(audio=0) if packet.size and packet.dts is not None]


@pytest.mark.parametrize(
    "audio",
    ["adpcm_swf -ar 22050", "pcm_s16le -ar 44100", "pcm_u8 -ar 11025", "pcm_mulaw -ar 8000 -ac 1"],
)
def test_flv_keeps_the_audio_of_its_own_kinds(audio: str, tmp_path: Path) -> None:
    source = tmp_path / "old.flv"
    run_ffmpeg(f"{TONE} -c:v flv -c:a {audio} {{path}}", path=source)
    with VideoReader(source) as reader:
        assert reader.output_name() == source.name
    assert copy(source, tmp_path / "out" / source.name) == []
    assert audio_of(tmp_path / "out" / source.name) == audio_of(source)
    assert times_of(tmp_path / "out" / source.name) == times_of(source)


def test_flv_takes_no_rate_that_it_would_write_as_another(tmp_path: Path) -> None:
    made, source = tmp_path / "made.mkv", tmp_path / "named.flv"
    run_ffmpeg(f"{TONE} -c:v libx264 -c:a pcm_s16le -ar 16000 {{path}}", path=made)
    made.rename(source)
    with VideoReader(source) as reader:
        assert reader.output_name() == "named.flv.mkv"
