"""Streams beside the main one: what is redacted, copied, left out and named; and fields, of which none keeps a face."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from click.testing import CliRunner

from examples.sample_clip import Image, pan, write_clip
from faceblur.cli.app import main
from faceblur.media import integrity as whole
from faceblur.media.video import Encoding, Picture, VideoReader, VideoWriter, in_format
from tests.conftest import detail_left
from tests.support import awkward
from tests.support import clips as media
from tests.support.probe import probe


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def copy(source: Path, target: Path, *, keep_location: bool = False) -> list[str]:
    with (
        VideoReader(source) as reader,
        VideoWriter(target, reader, Encoding(crf=0, keep_location=keep_location), reader.cover_pictures()) as writer,
    ):
        for item in reader:
            if isinstance(item, Picture):
                item.frame = in_format(item.frame, writer.pix_fmts[item.stream])
            writer.write(item)
        writer.finish()
        return reader.left_out + writer.left_out


@pytest.mark.parametrize("name", ["cover_art.mkv", "second_video.mp4"])
def test_sidecar_tells_of_every_video_stream_and_renders_it(name: str, function_url: str, tmp_path: Path) -> None:
    kind = next(one for one in awkward.HEALTHY if one.name == name)
    awkward.make_all((kind,), tmp_path / "material", tmp_path / "in")
    source, target, again = (tmp_path / folder / name for folder in ("in", "out", "again"))
    run("run", source, "-o", target.parent, "--function", function_url)
    lines = [json.loads(line) for line in Path(f"{target}.faces.jsonl").read_text().splitlines()[1:]]
    streams = {line["stream"]: [] for line in lines}
    for line in lines:
        streams[line["stream"]].append(line["frame"])
        assert line["faces"]
    assert list(map(len, streams.values())) in ([1, 12], [12, 12])
    again.parent.mkdir()
    run("render", source, f"{target}.faces.jsonl", "-o", again)
    for index in range(len(streams)):
        with av.open(str(target)) as first, av.open(str(again)) as second:
            for one, two in zip(first.decode(video=index), second.decode(video=index), strict=True):
                assert (one.to_ndarray() == two.to_ndarray()).all() and one.pts == two.pts


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
                place = av.Packet(b"48.8584 2.2945")
                place.pts = place.dts = packet.dts
                place.time_base, place.stream = packet.time_base, data
                target.mux([packet, place])
    left_out = copy(clip, tmp_path / "out" / "drone.ts")
    assert left_out == ["stream 1 (data, klv), which may tell a place: --keep-location copies it"]
    assert copy(clip, tmp_path / "kept" / "drone.ts", keep_location=True) == []
    kept = media.packets(tmp_path / "kept" / "drone.ts", "data")
    assert media.packets(tmp_path / "out" / "drone.ts", "data") == [] and kept == media.packets(clip, "data")


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "mpeg4"), (".ts", "mpeg2video"), (".mov", "mjpeg"), (".mkv", "mpeg4")]
)
def test_codecs_of_a_fixed_rate_keep_variable_times(face: Image, tmp_path: Path, suffix: str, codec: str) -> None:
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    plain = tmp_path / "plain.mkv"
    write_clip(plain, pan(face, (160, 120), 8), video_codec=codec, pix_fmt=pix_fmt, audio_codec=None)
    clip = tmp_path / f"variable{suffix}"
    with av.open(str(plain)) as source, av.open(str(clip), "w") as target:
        video: Any = target.add_stream_from_template(source.streams.video[0], opaque=True)
        for packet, late in zip(source.demux(), (0, 40, 80, 200, 240, 300, 900, 940), strict=False):
            packet.stream, packet.time_base = video, Fraction(1, 1000)
            packet.pts = packet.dts = 1000 + late
            target.mux(packet)
    copy(clip, tmp_path / "out" / clip.name)
    assert len(media.times(clip)) == 8 and media.times(tmp_path / "out" / clip.name) == media.times(clip)


def fields(path: Path) -> Iterator[tuple[Image, Image]]:
    for frame in media.frames(path):
        yield np.ascontiguousarray(frame[0::2]), np.ascontiguousarray(frame[1::2])


@pytest.mark.parametrize("style", ["blur", "solid"])
def test_no_field_keeps_a_face_that_moves_between_them(
    face: Image, function_url: str, tmp_path: Path, style: str
) -> None:
    """An interlaced camera that swings: each frame's two fields show the face in two places."""
    moments = list(pan(face, (320, 240), 64))[::2]
    pictures = []
    for upper, lower in zip(moments[0::2], moments[1::2], strict=True):
        woven = upper.copy()
        woven[1::2] = lower[1::2]
        pictures.append(woven)
    shift = max(np.abs(one.astype(int) - two).mean() for one, two in zip(moments[0::2], moments[1::2], strict=True))
    assert shift > 5
    clip = tmp_path / "fields.mkv"
    with av.open(str(clip), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"x264-params": "tff=1", "crf": "10"})
        stream.width, stream.height, stream.codec_context.field_order = 320, 240, 2
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode(None))
    target = tmp_path / "out" / clip.name
    run("run", clip, "-o", target.parent, "--function", function_url, "--style", style)
    with av.open(str(target)) as container:
        assert next(container.decode(video=0)).interlaced_frame
    lines = [json.loads(line) for line in Path(f"{target}.faces.jsonl").read_text().splitlines()[1:]]
    assert all(line["faces"] for line in lines)
    for line, before, after in zip(lines, fields(clip), fields(target), strict=True):
        x1, y1, x2, y2 = (int(value) for value in line["faces"][0]["box"])
        for was, now in zip(before, after, strict=True):
            place = (slice(max(0, y1) // 2, y2 // 2), slice(max(0, x1), x2))
            assert detail_left(was[place], now[place]) < 0.25


@pytest.mark.parametrize(
    ("name", "codec", "aspect", "title"),
    [
        ("wide.mkv", "ffv1", Fraction(16, 11), ""),
        ("wide.webm", "libvpx-vp9", Fraction(4, 3), "a title"),
        ("square.mkv", "libvpx", Fraction(1), ""),
    ],
)
def test_pixel_aspect_that_only_the_container_holds(
    face: Image, tmp_path: Path, name: str, codec: str, aspect: Fraction, title: str
) -> None:
    width, height = 320, 240
    plain = write_clip(tmp_path / name, pan(face, (width, height), 4), video_codec=codec, audio_codec=None)
    options = ["-aspect", str(aspect * width / height).replace("/", ":"), "-metadata:s:v", f"title={title}"]
    clip, target = tmp_path / "in" / name, tmp_path / "out" / name
    clip.parent.mkdir()
    subprocess.run(["ffmpeg", "-v", "error", "-i", plain, "-c", "copy", *options, clip], check=True)
    told = copy(clip, target)
    assert told == []
    before, after = (probe(path).streams["video"][0] for path in (clip, target))
    assert before.facts == after.facts and before.times == after.times
    assert after.facts["title"] == (title or None)
    assert whole.fault(target, "matroska") is None
