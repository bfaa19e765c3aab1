"""Streams that are copied: all of them with their tags, or a line that says which is not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from examples.sample_clip import Image, pan, write_clip
from faceblur.base.errors import MediaError
from tests.support import clips as media
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
    clip = write_clip(tmp_path / "clip.avi", pan(face, (160, 120), 10), audio_codec="pcm_alaw")
    with pytest.raises(MediaError, match=r"pcm_alaw.* cannot be copied into matroska"):
        copy(clip, tmp_path / "out" / "clip.mkv")
    assert list((tmp_path / "out").iterdir()) == []
