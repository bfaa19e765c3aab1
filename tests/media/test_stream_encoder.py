"""One encoded stream: frames keep their own times, and fields their redaction."""

from __future__ import annotations

import json
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
from tests.conftest import detail_left
from tests.support import clips as media
from tests.support.copies import copy


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


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
    """An interlaced camera that swings: each frame's two fields show the face at two positions."""
    shots = list(pan(face, (320, 240), 64))[::2]
    images = []
    for upper, lower in zip(shots[0::2], shots[1::2], strict=True):
        woven = upper.copy()
        woven[1::2] = lower[1::2]
        images.append(woven)
    shift = max(np.abs(one.astype(int) - two).mean() for one, two in zip(shots[0::2], shots[1::2], strict=True))
    assert shift > 5
    clip = tmp_path / "fields.mkv"
    with av.open(str(clip), "w") as container:
        stream: Any = container.add_stream("libx264", rate=25, options={"x264-params": "tff=1", "crf": "10"})
        stream.width, stream.height, stream.codec_context.field_order = 320, 240, 2
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, "bgr24")))
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
            window = (slice(max(0, y1) // 2, y2 // 2), slice(max(0, x1), x2))
            assert detail_left(was[window], now[window]) < 0.4  # legible from 0.5 on


@pytest.mark.parametrize("size_wh", [(1, 64), (64, 1), (1, 1), (15, 40)])
def test_frames_of_one_pixel_are_written_as_they_are(size_wh: tuple[int, int], tmp_path: Path) -> None:
    source = tmp_path / "narrow.mkv"
    with av.open(str(source), "w") as container:
        stream: Any = container.add_stream("ffv1", rate=25, options={"level": "3", "slices": "1"})
        stream.width, stream.height, stream.pix_fmt = *size_wh, "bgr0"
        for light in range(0, 250, 50):
            pixels = av.VideoFrame.from_ndarray(np.full((*size_wh[::-1], 3), light, np.uint8), "bgr24")
            container.mux(stream.encode(pixels.reformat(format="bgr0")))
        container.mux(stream.encode(None))
    copy(source, tmp_path / "out" / source.name)
    before, after = media.frames(source), media.frames(tmp_path / "out" / source.name)
    assert np.array_equal(np.stack(before), np.stack(after))
